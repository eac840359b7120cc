/** How near a precision's pooled hidden states are to float32's, on sample texts: measured when a base is built. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import { cosine } from './cosine.ts';
import type { PrecisionName } from './precision.ts';
import { runSamples } from './sample-run.ts';
import { embeddingGraph } from './serving-graph.ts';

/** Short and long, plain and odd, in several scripts: what tenants send. */
const samples = [
  'Where is my parcel? It was due on Monday and the tracking page has not moved since.',
  'refund',
  'I was charged twice for order 20391, once on the 3rd and again on the 5th. Please look into it before Friday.',
  'The new grinder is quieter than the old one, but the hopper lid does not close all the way.',
  'Der Wasserkocher schaltet nicht mehr ab, seit ich ihn entkalkt habe.',
  'Je voudrais changer mon adresse de livraison avant la prochaine expédition.',
  '我的咖啡机昨天到了，但是包装盒已经破损。',
  'お問い合わせの件ですが、まだ返事をいただいていません。',
  'Заказ пришёл вовремя, спасибо!',
  'Brew ratio: 1:16, water at 94 °C, total time 3:30. Adjust the grind if it drips past four minutes.',
  'http://example.com/help?id=42&lang=en does not load on my phone (error 0x80070005)',
  'LOL best coffee ever!!! 😀☕',
  'Marta Ilves from Northgate Supply in Porto asked whether the quarterly invoice covers the June delivery, since her accountant could not find the purchase order number, the tax identifier, or the name of the person who signed for it at the warehouse.',
  'a b c d e f g 1 2 3 4 5',
  'Customers who pause a subscription keep their price for ninety days. After that the current price applies, and the first box ships within two working days of the restart unless the address has changed.',
  'no',
];

export interface Fidelity {
  cosineMean: number;
  cosineMin: number;
}

export interface FidelityArguments {
  config: EncoderConfig;
  tokenizer: Tokenizer;
  precision: PrecisionName;
  /** The weights files as they will be stored. */
  stored: Uint8Array;
  float32: Uint8Array;
}

export async function measureFidelity({
  config,
  tokenizer,
  precision,
  stored,
  float32,
}: FidelityArguments): Promise<Fidelity> {
  if (precision === 'fp32') return { cosineMean: 1, cosineMin: 1 };
  const embed = async (name: PrecisionName, weights: Uint8Array) => {
    const outputs = { pooled: embeddingGraph(config, name) };
    const head = { kind: 'pooled', pooling: 'mean', dense: false } as const;
    const results = await runSamples({ config, tokenizer, outputs, weights, texts: samples, head });
    return results.map(({ pooled }) => pooled!.data as Float32Array);
  };
  const [exact, rounded] = [await embed('fp32', float32), await embed(precision, stored)];
  const cosines = exact.map((vector, i) => cosine(vector, rounded[i]!));
  return {
    cosineMean: cosines.reduce((sum, value) => sum + value, 0) / cosines.length,
    cosineMin: Math.min(...cosines),
  };
}
