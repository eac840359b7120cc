/** The encoder out of a checkpoint: names with and without the task prefix, old names, and tensors that are made. */
import { describe, expect, test } from 'vitest';
import { float32, type Tensor } from '../../functions/artifacts/safetensors.ts';
import { encoderTensors } from '../../trainer/base/checkpoint.ts';
import { familyOf } from '../../trainer/models/families.ts';
import { checkpointOf, goldenFamilies, readGolden } from './golden-family.ts';

function extract(family: string, rename = (name: string) => name) {
  const golden = readGolden(family);
  const { readConfig } = familyOf(family);
  const checkpoint = new Map([...checkpointOf(golden)].map(([name, tensor]) => [rename(name), tensor]));
  return encoderTensors(checkpoint, readConfig(golden.config), familyOf(family));
}

/** A bare encoder, as AutoModel saves it. */
const withoutPrefix = (name: string) => name.slice(name.indexOf('.') + 1);

test.each(goldenFamilies)('%s: a bare encoder is the same as that of a task model', family => {
  expect(extract(family, withoutPrefix)).toEqual(extract(family));
});

test('gamma and beta of old checkpoints are weight and bias', () => {
  const old = (name: string) =>
    name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta');
  expect(extract('bert', old)).toEqual(extract('bert'));
});

test.each(goldenFamilies)('%s: a tensor that is missing is named', family => {
  const golden = readGolden(family);
  const config = familyOf(family).readConfig(golden.config);
  for (const [name] of checkpointOf(golden)) {
    if (name.includes('pooler')) continue;
    const checkpoint = new Map<string, Tensor>(checkpointOf(golden));
    checkpoint.delete(name);
    expect(() => encoderTensors(checkpoint, config, familyOf(family))).toThrow(
      `model.safetensors: tensor ${withoutPrefix(name)} is missing`,
    );
  }
});

describe('ModernBERT', () => {
  const tensors = extract('modernbert');
  const whole = float32(checkpointOf(readGolden('modernbert')).get('model.layers.1.attn.Wqkv.weight')!);

  test('is cut into query, key and value in the order of Wqkv', () => {
    const parts = ['q', 'k', 'v'].map(module => tensors.get(`layers.1.attn.${module}.weight`)!);
    expect(parts.map(({ shape }) => shape)).toEqual([
      [24, 24],
      [24, 24],
      [24, 24],
    ]);
    expect(parts.flatMap(({ data }) => [...data])).toEqual([...whole]);
  });

  test('has zeros for the biases that it lacks', () => {
    const biases = [...tensors].filter(([name]) => name.endsWith('.bias'));
    expect(biases).toHaveLength(3 * 6 + 3 * 2 + 1);
    for (const [name, { data }] of biases)
      expect(
        data.every(value => value === 0),
        name,
      ).toBe(true);
  });

  test('has the cosine and sine of each angle', () => {
    const table = (name: string) => tensors.get(`rotary.${name}`)!;
    expect(table('local.cos').shape).toEqual([40, 6]);
    for (const [kind, theta] of [
      ['global', 160_000],
      ['local', 10_000],
    ] as const)
      for (const [position, i] of [
        [0, 0],
        [1, 0],
        [39, 5],
        [17, 3],
      ] as const) {
        const angle = position / theta ** (i / 6);
        expect(table(`${kind}.cos`).data[position * 6 + i]).toBeCloseTo(Math.cos(angle), 5);
        expect(table(`${kind}.sin`).data[position * 6 + i]).toBeCloseTo(Math.sin(angle), 5);
      }
  });
});
