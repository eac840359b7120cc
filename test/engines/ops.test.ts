/** Every primitive and every gradient rule: onnxruntime against TensorFlow.js, and gradients against finite differences. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import type { Engine, HostTensor } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { planOf } from '../../trainer/engines/plan.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { gradientRules, gradients } from '../../trainer/graph/gradient.ts';
import { Graph } from '../../trainer/graph/graph.ts';
import { type OpName, shapeRules } from '../../trainer/graph/ops.ts';
import { evaluate, type Shape } from '../../trainer/graph/shape.ts';
import type { Value } from '../../trainer/graph/value.ts';
import { readWeightsFile } from '../../trainer/weights.ts';

const engines: [Engine, Engine] = [onnxEngine({ threads: 1 }), tfjsEngine(tf)];
const symbols = new Map([
  ['B', 3],
  ['S', 5],
]);
const seed = 20261124;

/** Numbers in [-2, 2) from a linear congruential generator. */
function numbers(count: number, start: number): Float32Array {
  let state = (seed + start * 7919) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
}

interface Case {
  shapes: Shape[];
  /** Applies the op to the inputs; several results are summed into the loss with different weights. */
  build(g: Graph, inputs: Value[]): readonly Value[];
  /** Maps raw inputs into the op's domain. */
  domain?(x: number, input: number): number;
  indices?: { rows: number; shape: number[] };
  /** Rounds inside, so that its slope is not what its gradient says. */
  rounds?: boolean;
  /** Agreement, relative to 1 + the size of the element; 1e-5 where left out. */
  tolerance?: number;
}

/** Whole numbers in [-100, 100] as an 8-bit literal. */
const integers = (g: Graph, shape: number[], dtype: 'int8' | 'uint8', offset = 0) =>
  g.constant(
    Array.from(
      numbers(
        shape.reduce((a, b) => a * b, 1),
        5,
      ),
      value => Math.round(value * 50) + offset,
    ),
    shape,
    dtype,
  );

/** [6, 32] in blocks of 16. */
function blockWeight(g: Graph, bits: 4 | 8) {
  const blocks = { block: 16, bits };
  const weight = integers(g, [6, 2, 2 * bits], 'uint8', 128);
  const scales = g.constant(
    Array.from({ length: 12 }, (_, i) => 0.01 * (1 + (i % 5))),
    [12],
  );
  return { weight, scales, blocks, dequantized: () => g.blockDequantize(weight, scales, blocks) };
}

const x: Shape = ['B', 'S', 8];
const unary = (
  op:
    | 'exp'
    | 'erf'
    | 'sqrt'
    | 'tanh'
    | 'sigmoid'
    | 'softplus'
    | 'relu'
    | 'step'
    | 'gelu'
    | 'softmax'
    | 'logSoftmax',
): Case => ({
  shapes: [x],
  build: (g, [a]) => [g[op](a!)],
});
const binary = (op: 'add' | 'sub' | 'mul' | 'div'): Case[] => [
  { shapes: [x, x], build: (g, [a, b]) => [g[op](a!, b!)], domain: awayFromZero },
  { shapes: [x, [8]], build: (g, [a, b]) => [g[op](a!, b!)], domain: awayFromZero },
  {
    shapes: [
      ['B', 1, 8],
      ['S', 1],
    ],
    build: (g, [a, b]) => [g[op](a!, b!)],
    domain: awayFromZero,
  },
  { shapes: [[8], x], build: (g, [a, b]) => [g[op](a!, b!)], domain: awayFromZero },
];
const awayFromZero = (value: number) => (value < 0 ? value - 0.5 : value + 0.5);
const matmuls = [false, true].flatMap(transA =>
  [false, true].flatMap(transB =>
    [2, 4].flatMap(rank =>
      [false, true].map((withAddend): Case => {
        const lead: Shape = rank === 2 ? [] : ['B', 2];
        const a: Shape = [...lead, ...(transA ? [6, 'S'] : ['S', 6])];
        const b: Shape = [...lead, ...(transB ? [4, 6] : [6, 4])];
        return {
          shapes: withAddend ? [a, b, [4]] : [a, b],
          build: (g, [p, q, r]) => [
            g.matmul(p!, q!, { transA, transB, alpha: 0.7, ...(r ? { addend: r } : {}) }),
          ],
        };
      }),
    ),
  ),
);

const cases: { [Op in Exclude<OpName, 'input' | 'weight'>]: Case[] } = {
  constant: [{ shapes: [[2, 2]], build: (g, [a]) => [g.mul(a!, g.constant([1, -2, 3, 0.5], [2, 2]))] }],
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  exp: [unary('exp')],
  erf: [unary('erf')],
  sqrt: [{ ...unary('sqrt'), domain: value => Math.abs(value) + 0.5 }],
  tanh: [unary('tanh')],
  sigmoid: [unary('sigmoid')],
  softplus: [unary('softplus')],
  relu: [unary('relu')],
  step: [{ shapes: [x], build: (g, [a]) => [g.mul(a!, g.step(a!))] }],
  gelu: [unary('gelu')],
  softmax: [
    unary('softmax'),
    // The form in which the gradient goes through rowsum(dO * O).
    {
      shapes: [
        ['B', 2, 'S', 4],
        ['B', 2, 'S', 4],
        ['B', 2, 'S', 4],
      ],
      build: (g, [q, k, v]) => [g.matmul(g.softmax(g.matmul(q!, k!, { transB: true, alpha: 0.5 })), v!)],
    },
  ],
  logSoftmax: [unary('logSoftmax')],
  matmul: [
    ...matmuls,
    // A LoRA weight and its gradient by reassociation, for merged query, key and value.
    {
      shapes: [
        ['S', 6],
        [8, 6],
        [2, 6],
        [4, 2],
      ],
      build: (g, [input, w, a, b]) => {
        const [top, bottom] = g.split(w!, 0, [4, 4]);
        const merged = g.concat([g.matmul(b!, a!, { alpha: 2, addend: top! }), bottom!], 0);
        return [g.matmul(input!, merged, { transB: true })];
      },
    },
  ],
  // Its slope is not its gradient.
  detach: [{ shapes: [x], build: (g, [a]) => [g.mul(a!, g.detach(a!))], rounds: true }],
  cast: [
    {
      shapes: [[3, 4]],
      build: (g, [a]) => [g.mul(a!, g.cast(integers(g, [3, 4], 'int8')))],
    },
  ],
  quantizedLinear: [127, 63].flatMap(levels =>
    [null, 2].map(shift => ({
      shapes: [['B', 8], [4]],
      build: (g: Graph, [a, bias]: Value[]) => {
        const scales = g.constant([0.01, 0.02, 0.03, 0.04], [4]);
        return [
          g.quantizedLinear(
            a!,
            { weight: integers(g, [8, 4], 'int8'), scales, bias: bias! },
            { levels, shift },
          ),
        ];
      },
      rounds: true,
    })),
  ),
  // In a test of its own: the operator rounds activations too.
  blockQuantizedLinear: [],
  blockDequantize: ([8, 4] as const).map(bits => ({
    shapes: [['B', 6]],
    build: (g: Graph, [a]: Value[]) => [g.matmul(a!, blockWeight(g, bits).dequantized())],
  })),
  transpose: [{ shapes: [['B', 'S', 2, 4]], build: (g, [a]) => [g.transpose(a!, [0, 2, 3, 1])] }],
  reshape: [
    { shapes: [x], build: (g, [a]) => [g.reshape(a!, ['B*S', 8])] },
    { shapes: [x], build: (g, [a]) => [g.reshape(g.reshape(a!, ['B*S', 8]), ['B', 'S', 2, 4])] },
  ],
  concat: [
    {
      shapes: [
        ['B', 2],
        ['B', 3],
      ],
      build: (g, [a, b]) => [g.concat([a!, b!], 1)],
    },
  ],
  split: [
    { shapes: [['B', 6]], build: (g, [a]) => g.split(a!, 1, [1, 3, 2]) },
    { shapes: [['B', 6]], build: (g, [a]) => [g.split(a!, 1, [1, 3, 2])[1]!] },
  ],
  sum: [
    { shapes: [x], build: (g, [a]) => [g.sum(a!, [1])] },
    { shapes: [x], build: (g, [a]) => [g.sum(a!, [0, 2])] },
  ],
  expand: [{ shapes: [['B', 1, 8], x], build: (g, [a, b]) => [g.mul(g.expand(a!, x), b!)] }],
  gather: [
    { shapes: [[7, 4]], build: (g, [a, i]) => [g.gather(a!, i!)], indices: { rows: 7, shape: [3, 5] } },
  ],
  scatterAdd: [
    {
      shapes: [['B', 'S', 4]],
      build: (g, [a, i]) => [g.scatterAdd(a!, i!, 7)],
      indices: { rows: 7, shape: [3, 5] },
    },
  ],
  replaceRows: [
    {
      shapes: [
        [7, 4],
        [3, 4],
      ],
      build: (g, [a, b]) => [g.replaceRows(a!, g.constant([4, 0, 5], [3], 'int32'), b!)],
    },
  ],
  dropoutMask: [
    [['B', 'S', 8] as Shape, 0.1, 0] as const,
    [['B', 2, 'S', 'S'] as Shape, 0.5, 14] as const,
    [[7, 4] as Shape, 0.9, 3] as const,
  ].map(([shape, rate, site]) => ({
    shapes: [shape],
    build: (g, [a, keys]) => [g.mul(a!, g.dropoutMask(g.reshape(keys!, ['B*S']), { shape, rate, site }))],
    indices: { rows: 2 ** 31, shape: [3, 5] },
  })),
  layerNorm: [{ shapes: [x, [8], [8]], build: (g, [a, b, c]) => [g.layerNorm(a!, b!, c!, 1e-5)] }],
};

function feeds({ shapes, domain, indices }: Case): Record<string, HostTensor> {
  const inputs: Record<string, HostTensor> = {};
  shapes.forEach((shape, i) => {
    const actual = shape.map(dim => evaluate(dim, symbols));
    const raw = numbers(
      actual.reduce((a, b) => a * b, 1),
      i + 1,
    );
    inputs[`x${i}`] = {
      dtype: 'float32',
      shape: actual,
      data: domain ? raw.map(value => domain(value, i)) : raw,
    };
  });
  if (indices) {
    const data = Int32Array.from(numbers(15, 99), value => Math.floor(((value + 2) / 4) * indices.rows));
    inputs.indices = { dtype: 'int32', shape: indices.shape, data };
  }
  return inputs;
}

/** The op's results, and the gradients of a loss that weighs every element of them differently. */
function programOf(testCase: Case) {
  const g = new Graph();
  const inputs = testCase.shapes.map((shape, i) => g.input(`x${i}`, shape));
  const indices = testCase.indices ? [g.input('indices', ['B', 'S'], 'int32')] : [];
  const results = testCase.build(g, [...inputs, ...indices]);
  const terms = results.map(result => {
    const wave = g.sigmoid(g.scale(result, 0.3));
    return g.sum(
      g.mul(result, wave),
      result.shape.map((_, axis) => axis),
    );
  });
  const loss = terms.map(term => g.reshape(term, [])).reduce((a, b) => g.add(a, b));
  const grads = gradients(g, loss, inputs);
  const outputs: Record<string, Value> = { loss };
  results.forEach((result, i) => {
    outputs[`y${i}`] = result;
  });
  grads.forEach((grad, i) => {
    outputs[`d${i}`] = grad;
  });
  return outputs;
}

describe.each(Object.entries(cases).filter(([, list]) => list.length > 0))('%s', (_, list) => {
  test.each(list.map((testCase, i) => [i, testCase] as const))(
    'case %i: onnx and tfjs agree',
    async (_, testCase) => {
      const outputs = programOf(testCase);
      const [ours, oracle] = await Promise.all(
        engines.map(async engine => {
          const program = await engine.compile({ outputs });
          const answers = await program.run(feeds(testCase));
          await program.close();
          return answers;
        }),
      );
      for (const [name, expected] of Object.entries(oracle!)) {
        const actual = ours![name]!;
        expect(actual.shape, name).toEqual(expected.shape);
        for (let i = 0; i < expected.data.length; i++)
          expect(Math.abs(actual.data[i]! - expected.data[i]!), `${name}[${i}]`).toBeLessThan(
            (testCase.tolerance ?? 1e-5) * (1 + Math.abs(expected.data[i]!)),
          );
      }
    },
  );

  test.each(list.filter(testCase => !testCase.rounds).map((testCase, i) => [i, testCase] as const))(
    'case %i: gradients equal finite differences',
    async (_, testCase) => {
      const outputs = programOf(testCase);
      const program = await engines[1].compile({ outputs });
      const inputs = feeds(testCase);
      const analytic = await program.run(inputs);
      const step = 1e-2;
      for (const [i] of testCase.shapes.entries()) {
        const data = inputs[`x${i}`]!.data as Float32Array;
        for (const place of [0, data.length >> 1, data.length - 1]) {
          const original = data[place]!;
          const at = async (value: number) => {
            data[place] = value;
            return (await program.run(inputs)).loss!.data[0]!;
          };
          const slope = ((await at(original + step)) - (await at(original - step))) / (2 * step);
          data[place] = original;
          const expected = analytic[`d${i}`]!.data[place]!;
          // float32 differences of a sum over the whole result: two digits.
          expect(Math.abs(slope - expected), `d${i}[${place}]`).toBeLessThan(
            0.02 * (1 + Math.abs(expected)) + 0.01,
          );
        }
      }
      await program.close();
    },
  );
});

test('what is detached is a constant of the gradient', () => {
  const g = new Graph();
  const x = g.input('x', [1]);
  const [gradient] = gradients(g, g.mul(x, g.detach(x)), [x]);
  expect(gradient).toBe(g.mul(g.expand(g.scalar(1), [1]), g.detach(x)));
});

function blockProgram(bits: 4 | 8) {
  const g = new Graph();
  const { weight, scales, blocks } = blockWeight(g, bits);
  const [x, bias] = [g.input('x0', ['B', 32]), g.input('x2', [6])];
  const y = g.blockQuantizedLinear(x, { weight, scales, bias }, blocks);
  const loss = g.reshape(g.sum(g.mul(y, g.input('x1', ['B', 6])), [0, 1]), []);
  const [dx, db] = gradients(g, loss, [x, bias]);
  return { y, dx: dx!, db: db! };
}

test.each([8, 4] as const)(
  'the product with a weight in blocks of %i bits is near the product of its weight, and its gradient is that of it',
  async bits => {
    const outputs = blockProgram(bits);
    const inputs = {
      x0: { dtype: 'float32' as const, shape: [3, 32], data: numbers(96, 1) },
      x1: { dtype: 'float32' as const, shape: [3, 6], data: numbers(18, 2) },
      x2: { dtype: 'float32' as const, shape: [6], data: numbers(6, 3) },
    };
    const [ours, oracle] = await Promise.all(
      engines.map(async engine => {
        const program = await engine.compile({ outputs });
        const answers = await program.run(inputs);
        await program.close();
        return answers;
      }),
    );
    const largest = (name: string) => Math.max(...Array.from(oracle![name]!.data, Math.abs));
    // Activations are rounded to 8 bits a block: under a hundredth of the row's size.
    for (const [name, tolerance] of [
      ['y', 0.01],
      ['dx', 1e-6],
      ['db', 1e-6],
    ] as const)
      oracle![name]!.data.forEach((value, i) => {
        expect(Math.abs(ours![name]!.data[i]! - value), name).toBeLessThan(tolerance * largest(name));
      });
  },
);

test.each(['float32', 'int8', 'uint8'] as const)(
  'a frozen %s weight is the same tensor to both',
  async dtype => {
    const folder = await mkdtemp(join(tmpdir(), 'veneer-weight-'));
    const path = join(folder, 'weights.safetensors');
    const values = { float32: new Float32Array(6), int8: new Int8Array(6), uint8: new Uint8Array(6) }[dtype];
    values.set([0, 1, 127, 2, 3, 100].map(value => (dtype === 'int8' ? -value : value)));
    const type = ({ float32: 'F32', int8: 'I8', uint8: 'U8' } as const)[dtype];
    const data = new Uint8Array(values.buffer);
    await writeFile(path, writeSafetensors([['w', { dtype: type, shape: [2, 3], data }]]));
    const g = new Graph();
    const w = g.weight('w', [2, 3], dtype);
    const y = g.mul(dtype === 'float32' ? w : g.cast(w), g.input('x', [3]));
    const inputs = { x: { dtype: 'float32' as const, shape: [3], data: Float32Array.of(1, 2, 0.5) } };
    for (const engine of engines) {
      const program = await engine.compile({ outputs: { y }, weights: await readWeightsFile(path) });
      const answer = await program.run(inputs);
      expect(Array.from(answer.y!.data)).toEqual(
        Array.from(values, (value, i) => value * [1, 2, 0.5][i % 3]!),
      );
      await program.close();
    }
    await rm(folder, { recursive: true });
  },
);

describe('no primitive and no gradient rule is left out', () => {
  /** Programs of the cases above, and how each gradient rule was called while they were built. */
  function buildAll() {
    const called = new Map<OpName, { wanted: readonly boolean[]; given: boolean[] }[]>();
    const rules = gradientRules as Record<OpName, (args: { wanted: readonly boolean[] }) => unknown[]>;
    const spies = ops.map(op => {
      const rule = rules[op];
      return vi.spyOn(rules, op).mockImplementation(args => {
        const grads = rule(args);
        const given = args.wanted.map((_, i) => grads[i] !== undefined);
        called.set(op, [...(called.get(op) ?? []), { wanted: args.wanted, given }]);
        return grads;
      });
    });
    const programs = [...Object.values(cases).flat().map(programOf), blockProgram(8), blockProgram(4)];
    for (const spy of spies) spy.mockRestore();
    return { called, programs };
  }
  const ops = Object.keys(shapeRules) as OpName[];
  const { called, programs } = buildAll();
  /** Nothing flows through these: leaves, integers, and what is constant on purpose. */
  const flat: OpName[] = [
    'input',
    'weight',
    'constant',
    'step',
    'detach',
    'cast',
    'blockDequantize',
    'dropoutMask',
  ];

  test('both engines compute every primitive in some case', () => {
    const computed = new Set(programs.flatMap(outputs => planOf(outputs).steps.map(({ op }) => op)));
    // Tested above, with a file of weights.
    expect(ops.filter(op => !computed.has(op))).toEqual(['weight']);
  });

  test('some case takes every rule, for every input that has a gradient', () => {
    const through = ops.filter(op => called.get(op)?.some(({ given }) => given.includes(true)));
    expect([...through, ...flat].sort()).toEqual([...ops].sort());
    const unasked = through.flatMap(op => {
      const calls = called.get(op)!;
      for (const { wanted, given } of calls)
        expect(
          wanted.every((asked, i) => !asked || given[i]),
          op,
        ).toBe(true);
      const inputs = Math.max(...calls.map(({ wanted }) => wanted.length));
      return Array.from({ length: inputs }, (_, i) => i)
        .filter(i => !calls.some(({ wanted }) => wanted[i]))
        .map(i => `${op} ${i}`);
    });
    // Indices, and 8-bit weights with their scales.
    expect(unasked).toEqual([
      ...['quantizedLinear 1', 'quantizedLinear 2', 'blockQuantizedLinear 1', 'blockQuantizedLinear 2'],
      ...['gather 1', 'scatterAdd 1', 'replaceRows 1'],
    ]);
  });
});

afterAll(() => tf.disposeVariables());
