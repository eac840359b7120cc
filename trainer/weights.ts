/** The base's weights file as engines need it: where each tensor lies. The file's digest has been verified before. */
import { open } from 'node:fs/promises';
import type { WeightsFile } from './engines/engine.ts';

/** Reads the header alone. Format: functions/artifacts/safetensors.ts. */
export async function readWeightsFile(path: string): Promise<WeightsFile> {
  const file = await open(path);
  try {
    const length = Number((await file.read(Buffer.alloc(8), 0, 8, 0)).buffer.readBigUInt64LE());
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, 8);
    const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(buffer.toString());
    const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
    return {
      path,
      tensors: new Map(
        entries.map(
          ([
            name,
            {
              data_offsets: [begin, end],
            },
          ]) => [name, { offset: 8 + length + begin, bytes: end - begin }],
        ),
      ),
    };
  } finally {
    await file.close();
  }
}

/** One float32 tensor; undefined where the file has none of that name. */
export async function readWeight(
  { path, tensors }: WeightsFile,
  name: string,
): Promise<Float32Array | undefined> {
  const place = tensors.get(name);
  if (!place) return undefined;
  const file = await open(path);
  try {
    const data = new Float32Array(place.bytes / 4);
    await file.read(new Uint8Array(data.buffer), 0, place.bytes, place.offset);
    return data;
  } finally {
    await file.close();
  }
}
