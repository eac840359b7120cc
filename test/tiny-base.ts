/** A BERT of two layers with random weights in a Hugging Face directory: the whole product runs on it in seconds. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../functions/artifacts/safetensors.ts';
import { bert } from '../trainer/models/bert.ts';
import { uniform } from '../trainer/random.ts';

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const characters = [...'abcdefghijklmnopqrstuvwxyz0123456789.,?!-'];
const words =
  'the a is was in at on who what where when parcel late refund money broken arrived again please thanks great love hate order mara jonas lisbon oslo bought sold from to and lives works likes red blue green'.split(
    ' ',
  );

const config = {
  model_type: 'bert',
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 64,
  vocab_size: special.length + 2 * characters.length + words.length,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

function tokenizerJson() {
  const vocabulary = [...special, ...characters, ...characters.map(c => `##${c}`), ...words];
  const piece = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const sequence = (id: string, typeId: number) => ({ Sequence: { id, type_id: typeId } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [piece('[CLS]', 0), sequence('A', 0), piece('[SEP]', 0)],
      pair: [piece('[CLS]', 0), sequence('A', 0), piece('[SEP]', 0), sequence('B', 1), piece('[SEP]', 1)],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
}

/** Weights uniform in +-0.25, LayerNorm gains around 1; other seeds give other bases. */
function weights(seed: number): Uint8Array {
  const shapes = [...bert.tensors(bert.readConfig(config))];
  return writeSafetensors(
    shapes.map(([name, shape], index) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const center = name.endsWith('LayerNorm.weight') ? 1 : 0;
      const data = Float32Array.from(
        { length: size },
        (_, i) => center + (uniform({ seed, stream: 9 }, index, i) - 0.5) / 2,
      );
      return [name, { dtype: 'F32' as const, shape: [...shape], data: new Uint8Array(data.buffer) }];
    }),
  );
}

/** Writes the directory and returns its path. */
export async function writeTinyBase(directory: string, seed = 1): Promise<string> {
  await mkdir(join(directory, '1_Pooling'), { recursive: true });
  const write = (file: string, content: string | Uint8Array) => writeFile(join(directory, file), content);
  await write('config.json', JSON.stringify(config));
  await write('tokenizer.json', JSON.stringify(tokenizerJson()));
  await write('model.safetensors', weights(seed));
  await write('1_Pooling/config.json', JSON.stringify({ pooling_mode_mean_tokens: true }));
  return directory;
}
