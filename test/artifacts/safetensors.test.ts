import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Dtype,
  elementBytes,
  float32,
  readSafetensors,
  type TensorData,
  writeSafetensors,
} from '../../functions/artifacts/safetensors.ts';

/** A file put together by hand: 8 bytes of header length, the header, the data. */
function file(header: string | object, data: Uint8Array | number[] = [], length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe('reading safetensors', () => {
  it("finds each tensor's bytes, shape and place, without copying", () => {
    const header =
      '{"b":{"dtype":"I8","shape":[3],"data_offsets":[8,11]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}  ';
    const bytes = file(header, [0, 0, 128, 63, 0, 0, 0, 192, 1, 2, 255]);
    const tensors = readSafetensors(bytes, 'x.safetensors');
    const start = 8 + header.length;
    expect(tensors.get('a')).toMatchObject({ dtype: 'F32', shape: [1, 2], offset: start });
    expect(tensors.get('b')).toMatchObject({ dtype: 'I8', shape: [3], offset: start + 8 });
    expect([...float32(tensors.get('a')!)]).toEqual([1, -2]);
    expect([...tensors.get('b')!.data]).toEqual([1, 2, 255]);
    for (const { data } of tensors.values()) expect(data.buffer).toBe(bytes.buffer);
  });

  it('reads a file that lies inside a larger buffer', () => {
    const inner = file({ a: f32([1], 0, 4) }, [0, 0, 128, 63]);
    const outer = new Uint8Array(inner.length + 13).fill(7);
    outer.set(inner, 5);
    const tensors = readSafetensors(outer.subarray(5, 5 + inner.length), 'x');
    expect([...float32(tensors.get('a')!)]).toEqual([1]);
    expect([...float32(readSafetensors(Buffer.from(inner), 'x').get('a')!)]).toEqual([1]);
  });

  it('takes scalars, empty tensors, metadata and a file without tensors', () => {
    expect(readSafetensors(file('{}'), 'x').size).toBe(0);
    const header = {
      __metadata__: { format: 'pt' },
      none: f32([0, 7], 4, 4),
      scalar: f32([], 0, 4),
      first: f32([0], 0, 0),
    };
    const tensors = readSafetensors(file(header, [0, 0, 0, 0]), 'x');
    expect([...tensors.keys()].sort()).toEqual(['first', 'none', 'scalar']);
    expect(tensors.get('none')?.data).toHaveLength(0);
  });

  it('takes names that an object treats as special', () => {
    const header =
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}';
    expect([...readSafetensors(file(header, [5, 6]), 'x').keys()]).toEqual(['__proto__', 'constructor']);
  });

  const four = [0, 0, 0, 0];
  // biome-ignore format: a table

  const lies: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['is empty', new Uint8Array(), /too few/],
    ['is shorter than the length field', new Uint8Array(7), /too few/],
    ['has a header past the end', file('{}', [], 3n), /runs past/],
    ['has a header over 100 MB', file('{}', [], 100_000_001n), /over the limit/],
    ['has a header of 2^64 - 1 bytes', file('{}', [], 2n ** 64n - 1n), /over the limit/],
    ['has a header of no bytes', file('', []), /not JSON/],
    ['has a header that is no JSON', file('{"a":'), /not JSON/],
    ['has a header that is no UTF-8', file('{"\u0000'.padEnd(9), []).fill(0xff, 10, 12), /not JSON/],
    ['has an array for a header', file('[]'), /not a JSON object/],
    ['has null for a header', file('null'), /not a JSON object/],
    ['has a header that begins with a space', file(' {}'), /not a JSON object/],
    ['names a tensor twice', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /"a" twice/],
    ['gives a tensor two shapes', file('{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}'), /"shape" twice/],
    ['has metadata that is not text', file({ __metadata__: { a: 1 } }), /__metadata__/],
    ['has metadata that is a list', file({ __metadata__: ['a'] }), /__metadata__/],
    ['has an entry that is no object', file({ a: 1 }), /"a": its header entry/],
    ['has an unknown dtype', file({ a: { ...f32([1], 0, 4), dtype: 'F31' } }, four), /"a": unknown dtype "F31"/],
    ['has a dtype from the prototype', file({ a: { ...f32([1], 0, 4), dtype: 'toString' } }, four), /unknown dtype/],
    ['has no dtype', file({ a: { shape: [1], data_offsets: [0, 4] } }, four), /unknown dtype/],
    ['has no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, four), /shape/],
    ['has a negative dimension', file({ a: f32([-1], 0, 4) }, four), /none negative/],
    ['has two negative dimensions', file({ a: f32([-1, -1], 0, 4) }, four), /none negative/],
    ['has half a dimension', file({ a: f32([0.5, 2], 0, 4) }, four), /whole numbers/],
    ['has a dimension as text', file({ a: { ...f32([], 0, 4), shape: ['1'] } }, four), /whole numbers/],
    ['has a shape that overflows', file({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, four), /overflows/],
    ['has a dimension past 2^53', file('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', four), /whole numbers/],
    ['has three offsets', file({ a: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, four), /two whole numbers/],
    ['has a negative offset', file({ a: f32([1], -4, 0) }, four), /two whole numbers/],
    ['has offsets the wrong way round', file({ a: f32([1], 4, 0) }, four), /-4 bytes/],
    ['has fewer bytes than its shape', file({ a: f32([2], 0, 4) }, four), /4 bytes at data_offsets, F32 \[2\] takes 8/],
    ['has more bytes than its shape', file({ a: f32([1], 0, 8) }, [...four, ...four]), /takes 4/],
    ['ends before a tensor does', file({ a: f32([2], 0, 8) }, four), /data ends at 8, the file has 4/],
    ['has tensors that overlap', file({ a: f32([1], 0, 4), b: f32([1], 2, 6) }, [0, 0, ...four]), /"b": overlaps/],
    ['has two tensors in one place', file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, four), /"b": overlaps/],
    ['has a hole at the start', file({ a: f32([1], 4, 8) }, [...four, ...four]), /"a": follows a hole/],
    ['has a hole in the middle', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, [...four, ...four, ...four]), /"b": follows a hole/],
    ['goes on after the last tensor', file({ a: f32([1], 0, 4) }, [...four, 0]), /1 bytes after the last/],
    ['has data and no tensors', file('{}', four), /4 bytes after the last/],
  ];
  for (const [what, bytes, message] of lies)
    it(`refuses a file that ${what}`, () => {
      const refusal = expect.objectContaining({
        code: 'invalid_artifact',
        message: expect.stringMatching(message),
      });
      expect(() => readSafetensors(bytes, 'lie.safetensors')).toThrow(refusal);
      expect(() => readSafetensors(bytes, 'lie.safetensors')).toThrow(/^lie\.safetensors: /);
    });

  it('never fails but by invalid_artifact, whichever byte of a good file is changed', () => {
    const good = writeSafetensors(Object.entries({ a: int8([1, 2, 3]), b: { ...int8([]), shape: [0] } }), {
      k: 'v',
    });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const changed = good.slice(0, length);
        changed[at] = value;
        try {
          readSafetensors(changed, 'x');
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_artifact' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const int8 = (values: number[]): TensorData => ({
  dtype: 'I8',
  shape: [values.length],
  data: Uint8Array.from(values),
});

describe('writing safetensors', () => {
  it('writes the bytes that the format describes', () => {
    const bytes = writeSafetensors([
      ['b', int8([1, 2, 255])],
      ['a', { dtype: 'F32', shape: [1], data: bytesOf(new Float32Array([1])) }],
    ]);
    const header =
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[3],"data_offsets":[4,7]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    expect(Buffer.from(bytes)).toEqual(Buffer.from(file(padded, [0, 0, 128, 63, 1, 2, 255])));
  });

  const tensor: fc.Arbitrary<TensorData> = fc
    .record({
      dtype: fc.constantFrom(...(Object.keys(elementBytes) as Dtype[])),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
    })
    .chain(({ dtype, shape }) => {
      const length = shape.reduce((size, dimension) => size * dimension, elementBytes[dtype]);
      return fc.uint8Array({ minLength: length, maxLength: length }).map(data => ({ dtype, shape, data }));
    });
  const named = fc.dictionary(
    fc.string({ unit: 'grapheme' }).filter(name => name !== '__metadata__' && name !== '__proto__'),
    tensor,
    { maxKeys: 8 },
  );

  it('is read back as it was, aligned to its elements, in any order of writing', () => {
    fc.assert(
      fc.property(named, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const bytes = writeSafetensors(Object.entries(tensors), metadata);
        const reversed = Object.fromEntries(Object.entries(metadata).reverse());
        expect(Buffer.from(writeSafetensors(Object.entries(tensors).reverse(), reversed)).equals(bytes)).toBe(
          true,
        );
        const read = readSafetensors(bytes, 'x');
        expect(read.size).toBe(Object.keys(tensors).length);
        for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
          const found = read.get(name)!;
          expect(found).toMatchObject({ dtype, shape });
          expect(Buffer.from(found.data).equals(data)).toBe(true);
          expect(found.offset % elementBytes[dtype]).toBe(0);
        }
      }),
    );
  });

  it('refuses what it could not read back', () => {
    expect(() => writeSafetensors([['a', { ...int8([1, 2]), shape: [3] }]])).toThrow(
      /2 bytes are not I8 \[3\]/,
    );
    // biome-ignore format: one line
    expect(() => writeSafetensors([['a', int8([])], ['a', int8([])]])).toThrow(/taken/);
    expect(() => writeSafetensors([['__metadata__', int8([])]])).toThrow(/taken/);
  });
});

describe('float32 values', () => {
  it('are a view where they lie aligned, and a copy where not', () => {
    const data = bytesOf(new Float32Array([1.5, -0, Number.POSITIVE_INFINITY]));
    const aligned: TensorData = { dtype: 'F32', shape: [3], data };
    expect(float32(aligned).buffer).toBe(data.buffer);
    const shifted = Buffer.alloc(data.length + 1);
    shifted.set(data, 1);
    const values = float32({ ...aligned, data: shifted.subarray(1) });
    expect([...values]).toEqual([1.5, -0, Number.POSITIVE_INFINITY]);
  });

  // From IEEE 754-2019, binary16, and from bfloat16 as the upper half of a binary32.
  // biome-ignore format: a table

  const halves: [dtype: Dtype, bits: number, value: number][] = [
    ['F16', 0x0000, 0], ['F16', 0x8000, -0], ['F16', 0x3c00, 1], ['F16', 0xc000, -2], ['F16', 0x7bff, 65504], ['F16', 0x0400, 2 ** -14],
    ['F16', 0x03ff, (1023 / 1024) * 2 ** -14], ['F16', 0x0001, 2 ** -24], ['F16', 0x8001, -(2 ** -24)], ['F16', 0x3555, 1365 / 4096],
    ['F16', 0x7c00, Number.POSITIVE_INFINITY], ['F16', 0xfc00, Number.NEGATIVE_INFINITY], ['F16', 0x7e00, Number.NaN],
    ['BF16', 0x3f80, 1], ['BF16', 0xc049, -3.140625], ['BF16', 0x7f80, Number.POSITIVE_INFINITY], ['BF16', 0x8000, -0],
    ['BF16', 0x7fc0, Number.NaN], ['BF16', 0x0001, 2 ** -133],
  ];
  it.each(halves)('%s %i is %d', (dtype, bits, value) => {
    const [found] = float32({ dtype, shape: [], data: Uint8Array.of(bits & 0xff, bits >> 8) });
    expect(found).toBe(value);
  });

  it('are not made of whole numbers', () => {
    expect(() => float32(int8([1]))).toThrow(/I8 elements are not floats/);
  });
});
