/** Which graph serves an adapter, and what a base without it is told. */
import { expect, test } from 'vitest';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { checkServed } from '../../functions/engine/variants.ts';

const base = (...graphs: string[]) =>
  ({
    name: 'small',
    graphs: Object.fromEntries(graphs.map(graph => [graph, { sha256: '', bytes: 0 }])),
  }) as unknown as BaseManifest;

const adapter = (modules: string) => ({
  head: { kind: 'token' as const },
  lora: { rank: 8, alpha: 8, targetModules: modules.split('') as TargetModule[] },
  quantization: 'int8' as const,
});

test('the smallest graph with all adapted modules', () => {
  expect(() => checkServed(adapter('q'), base('token.qv2'))).not.toThrow();
  expect(() => checkServed(adapter('k'), base('token.qv2'))).toThrow('base small has no graph token.qkvo2');
});

test('graphs that read adapters laid out as before are not taken', () => {
  expect(() =>
    checkServed(adapter('qv'), base('token.none', 'token.qv', 'token.qkvo', 'token.qkvoud')),
  ).toThrow('base small has no graph token.qv2, which serves this adapter: pull it again with --force');
});
