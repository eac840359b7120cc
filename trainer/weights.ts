/** The base's weights file as engines need it: where each tensor lies. The file's digest has been verified before. */
import { open } from 'node:fs/promises';
import type { WeightsFile } from './engines/engine.ts';

/** Reads the header alone. Format: functions/artifacts/safetensors.ts. */
export async function readWeightsFile(path: string): Promise<WeightsFile> {
  const file = await open(path);
  try {
    const length = Number((await file.read(Buffer.alloc(8), 0, 8, 0)).buffer.readBigUInt64LE());
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, 8);
    const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
      buffer.toString(),
    );
    const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
    return {
      path,
      tensors: new Map(
        entries.map(
          ([
            name,
            {
              dtype,
              data_offsets: [begin, end],
            },
          ]) => [name, { offset: 8 + length + begin, bytes: end - begin, dtype }],
        ),
      ),
    };
  } finally {
    await file.close();
  }
}

/** One tensor's values; undefined where the file has none of that name. */
export async function readWeight(
  { path, tensors }: WeightsFile,
  name: string,
): Promise<Float32Array | undefined> {
  const place = tensors.get(name);
  if (!place) return undefined;
  const file = await open(path);
  try {
    const bytes = new Uint8Array(place.bytes);
    await file.read(bytes, 0, place.bytes, place.offset);
    if (place.dtype === 'F32') return new Float32Array(bytes.buffer);
    return Float32Array.from(place.dtype === 'I8' ? new Int8Array(bytes.buffer) : bytes);
  } finally {
    await file.close();
  }
}
