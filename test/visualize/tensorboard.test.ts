/** TensorBoard event files, read back by a parser that shares nothing with the writer, and checksums by RFC 3720. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { crc32c } from '../../trainer/visualize/crc32c.ts';
import { openScalarLog } from '../../trainer/visualize/tensorboard.ts';
import { resultOf } from '../cli/trainer.ts';
import { openWorkspace, type Workspace } from '../cli/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'veneer-events-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
});

const fail = (line: string) => expect.fail(`warned: ${line}`);

interface Scalar {
  step: number;
  tag: string;
  value: number;
}

/** CRC-32C bit by bit, most significant bit first, from the polynomial's definition: nothing of the table. */
function slowCrc32c(bytes: Uint8Array): number {
  const reverse = (value: number, bits: number) => {
    let reversed = 0n;
    for (let i = 0; i < bits; i++) reversed |= ((BigInt(value) >> BigInt(i)) & 1n) << BigInt(bits - 1 - i);
    return reversed;
  };
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= reverse(byte, 8) << 24n;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1n;
      if (crc >> 32n) crc ^= 0x11edc6f41n;
    }
  }
  return Number(reverse(Number(crc ^ 0xffffffffn), 32));
}

const unmask = (masked: number) => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
};

/** Fields of a protobuf message: varints as bigint, fixed-size and delimited ones as bytes. */
function readFields(bytes: Buffer): [field: number, value: bigint | Buffer][] {
  const fields: [number, bigint | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const type = key & 7;
    if (type === 0) fields.push([key >> 3, varint()]);
    else {
      const size = type === 1 ? 8 : type === 5 ? 4 : Number(varint());
      expect(at + size).toBeLessThanOrEqual(bytes.length);
      fields.push([key >> 3, bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  return fields;
}

/** The scalars of the one event file in a directory, after every checksum, the version and the times were checked. */
function readEvents(directory: string): Scalar[] {
  const files = readdirSync(directory);
  expect(files).toHaveLength(1);
  const bytes = readFileSync(join(directory, files[0]!));
  const scalars: Scalar[] = [];
  let at = 0;
  let records = 0;
  while (at < bytes.length) {
    const size = Number(bytes.readBigUInt64LE(at));
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(slowCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + size);
    expect(unmask(bytes.readUInt32LE(at + 12 + size))).toBe(slowCrc32c(data));
    at += 16 + size;
    const event = readFields(data);
    const field = (id: number) => event.find(([field]) => field === id)?.[1];
    const time = (field(1) as Buffer).readDoubleLE();
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(600);
    expect((field(3) as Buffer | undefined)?.toString()).toBe(records++ === 0 ? 'brain.Event:2' : undefined);
    for (const [, value] of readFields((field(5) as Buffer) ?? Buffer.alloc(0))) {
      const parts = Object.fromEntries(readFields(value as Buffer));
      // A value of 0 must be there in so many bytes: TensorBoard skips a summary whose value is left out.
      expect(Object.keys(parts)).toEqual(['1', '2']);
      scalars.push({
        step: Number(field(2)),
        tag: (parts[1] as Buffer).toString(),
        value: (parts[2] as Buffer).readFloatLE(),
      });
    }
  }
  expect(at).toBe(bytes.length);
  return scalars;
}

describe('CRC-32C', () => {
  const bytes = (make: (i: number) => number) => Uint8Array.from({ length: 32 }, (_, i) => make(i));
  const command =
    '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000';

  test.each<[title: string, input: Uint8Array, crc: number]>([
    ['32 bytes of zeros', bytes(() => 0), 0x8a9136aa],
    ['32 bytes of ones', bytes(() => 0xff), 0x62a8ab43],
    ['32 incrementing bytes', bytes(i => i), 0x46dd794e],
    ['32 decrementing bytes', bytes(i => 31 - i), 0x113fdb5c],
    ['an iSCSI read command', Buffer.from(command, 'hex'), 0xd9963a56],
  ])('RFC 3720 B.4: %s', (_title, input, crc) => {
    expect(crc32c(input)).toBe(crc);
    expect(slowCrc32c(input)).toBe(crc);
  });

  test('the check value of the catalogue, and no bytes at all', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array())).toBe(0);
  });
});

describe('an event file', () => {
  test('has the name that TensorBoard looks for', () => {
    const directory = join(folder, 'name');
    const log = openScalarLog(directory, fail);
    log.add(1, { loss: 1 });
    log.close();
    const [file] = readdirSync(directory);
    const [events, out, tfevents, seconds, ...rest] = file!.split('.');
    expect([events, out, tfevents]).toEqual(['events', 'out', 'tfevents']);
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(600);
    expect(rest.join('.')).toBe(`${hostname()}.${process.pid}`);
  });

  test('reads back as what was written, zeros, extremes and names of any script among it', () => {
    const directory = join(folder, 'made/with those above it');
    const added: Scalar[] = [
      { step: 1, tag: 'loss', value: 0.5 },
      { step: 1, tag: 'learning_rate', value: 0 },
      { step: 127, tag: 'loss', value: -0.25 },
      { step: 128, tag: 'loss', value: 1e-45 },
      { step: 2 ** 31, tag: 'loss', value: 3.4028234663852886e38 },
      { step: 2 ** 40 + 1, tag: 'loss', value: Number.POSITIVE_INFINITY },
      { step: 2 ** 40 + 2, tag: 'eval/f1 größe 精度', value: Number.NaN },
      { step: 2 ** 40 + 3, tag: `eval/${'x'.repeat(300)}`, value: 1 },
    ];
    const log = openScalarLog(directory, fail);
    for (const { step, tag, value } of added) log.add(step, { [tag]: value });
    log.close();
    log.close();
    expect(readEvents(directory)).toEqual(added.map(s => ({ ...s, value: Math.fround(s.value) })));
  });

  test('keeps the values of one step together and in order, over many steps', () => {
    const directory = join(folder, 'many');
    const log = openScalarLog(directory, fail);
    for (let step = 1; step <= 300; step++) log.add(step, { loss: 1 / step, gradient_norm: step });
    log.close();
    expect(readEvents(directory)).toEqual(
      Array.from({ length: 300 }, (_, i) => [
        { step: i + 1, tag: 'loss', value: Math.fround(1 / (i + 1)) },
        { step: i + 1, tag: 'gradient_norm', value: i + 1 },
      ]).flat(),
    );
  });

  test('is not made before there is a value', () => {
    openScalarLog(join(folder, 'unused'), fail).close();
    expect(readdirSync(folder)).not.toContain('unused');
  });

  test('is up to date two seconds after a value, while training goes on', () => {
    vi.useFakeTimers();
    const directory = join(folder, 'live');
    const log = openScalarLog(directory, fail);
    log.add(1, { loss: 3 });
    vi.advanceTimersByTime(1_000);
    log.add(2, { loss: 2 });
    vi.advanceTimersByTime(1_000);
    expect(readEvents(directory).map(({ step }) => step)).toEqual([1, 2]);
    log.add(3, { loss: 1 });
    expect(readEvents(directory)).toHaveLength(2);
    vi.advanceTimersByTime(2_000);
    expect(readEvents(directory)).toHaveLength(3);
    log.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that cannot be written is told once and given up', () => {
    vi.useFakeTimers();
    const file = join(folder, 'a file');
    writeFileSync(file, 'mine');
    const lines: string[] = [];
    const log = openScalarLog(join(file, 'below'), line => lines.push(line));
    for (let step = 1; step <= 3; step++) {
      log.add(step, { loss: 1 });
      vi.advanceTimersByTime(2_000);
    }
    log.close();
    expect(lines).toEqual([
      `warning: --log-dir ${join(file, 'below')}: cannot be written (ENOTDIR): no more events of this run are logged`,
    ]);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});

describe('train --log-dir', () => {
  let workspace: Workspace | undefined;
  const open = async () => {
    workspace ??= await openWorkspace();
    return workspace;
  };
  afterAll(() => workspace?.remove());

  test('logs every step, and every evaluation at the step it was made', async () => {
    const { train, path } = await open();
    const args = ['--eval-data', 'topics.csv', '--epochs', '3', '--batch-size', '2', '--out', 'logged'];
    const result = resultOf(await train('topics.csv', ...args, '--log-dir', 'curves', '--json'));
    expect(result.steps).toBe(6);
    const scalars = readEvents(path('curves'));
    const of = (tag: string) => scalars.filter(scalar => scalar.tag === tag);
    for (const tag of ['loss', 'learning_rate', 'gradient_norm', 'tokens_per_second']) {
      expect(of(tag).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(of(tag).every(({ value }) => Number.isFinite(value) && value >= 0)).toBe(true);
    }
    const records: { kind: string; step: number; loss: number; metrics: Record<string, number> }[] =
      readFileSync(path('logged/steps.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map(line => JSON.parse(line));
    const steps = records.filter(({ kind }) => kind === 'step');
    expect(of('loss').map(({ value }) => value)).toEqual(steps.map(({ loss }) => Math.fround(loss)));
    const evaluations = records.filter(({ kind }) => kind === 'evaluation');
    expect(evaluations).toHaveLength(3);
    for (const { step, metrics } of evaluations) {
      expect(Object.keys(metrics)).toContain('accuracy');
      const scored = scalars.filter(scalar => scalar.step === step && scalar.tag.startsWith('eval/'));
      expect(Object.fromEntries(scored.map(({ tag, value }) => [tag, value]))).toEqual(
        Object.fromEntries(
          Object.entries(metrics).map(([name, value]) => [`eval/${name}`, Math.fround(value)]),
        ),
      );
    }
    expect(of('eval/accuracy').map(({ step }) => step)).toEqual([2, 4, 6]);
  });

  test('changes nothing in the adapter', async () => {
    const { train, path } = await open();
    const args = ['--eval-data', 'topics.csv', '--json', '--out'];
    resultOf(await train('topics.csv', ...args, 'with', '--log-dir', 'other curves'));
    resultOf(await train('topics.csv', ...args, 'without'));
    expect(readFileSync(path('with/manifest.json'))).toEqual(readFileSync(path('without/manifest.json')));
  });

  test('where nothing can be written warns in one line and trains on', async () => {
    const { train, path } = await open();
    const ran = await train('topics.csv', '--log-dir', 'topics.csv', '--out', 'warned', '--json');
    expect(resultOf(ran).steps).toBe(1);
    expect(ran.stderr.match(/^warning: --log-dir.*$/gm)).toEqual([
      'warning: --log-dir topics.csv: cannot be written (EEXIST): no more events of this run are logged',
    ]);
    expect(readdirSync(path('warned'))).toContain('manifest.json');
  });
});
