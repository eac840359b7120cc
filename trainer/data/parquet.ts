/**
 * Apache Parquet as rows of cells, through hyparquet: values as JSON has them, and the names of ClassLabel columns from the
 * schema that Hugging Face's `datasets` leaves in the file.
 */
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';
import type { ClassNames } from './class-names.ts';
import type { Table } from './table.ts';

export async function parquetTable(bytes: Uint8Array, file: string): Promise<Table> {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const metadata = parquetMetadata(buffer);
    const names = namesIn(metadata);
    const objects = await parquetReadObjects({ file: buffer, metadata, compressors });
    return {
      names,
      rows: objects.map((object, index) => ({
        cells: names.map(name => asJson(object[name])),
        where: `${file}:[${index}]`,
      })),
      classNames: classNamesIn(metadata),
    };
  } catch (cause) {
    throw new VeneerError(
      'invalid_data',
      `${file}: not readable as Parquet: ${String((cause as Error).message).split('\n')[0]}`,
      { cause },
    );
  }
}

/** Columns at the top of the schema: its first element is the root, and groups are followed by what they hold. */
function namesIn({ schema: [root, ...elements] }: FileMetaData): string[] {
  const names: string[] = [];
  let at = 0;
  const skip = () => {
    const { num_children = 0 } = elements[at++]!;
    for (let i = 0; i < num_children; i++) skip();
  };
  for (let i = 0; i < (root?.num_children ?? 0); i++) {
    names.push(elements[at]!.name);
    skip();
  }
  return names;
}

/** 64-bit integers as numbers where those are exact, else as text. */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array))
    return Array.from(value as unknown as ArrayLike<number | bigint>, asJson);
  if (Array.isArray(value)) return value.map(asJson);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
  return value;
}

const ClassLabel = z.object({ _type: z.literal('ClassLabel'), names: z.array(z.string()).min(1) });
/** A column of labels, or of lists of them (`Sequence` or `List`, or in old files a list of one). */
const Feature = z.union([
  ClassLabel,
  z.object({ feature: ClassLabel }).transform(({ feature }) => feature),
  z.tuple([ClassLabel]).transform(([feature]) => feature),
]);
const Schema = z.object({ info: z.object({ features: z.record(z.string(), z.unknown()) }) });

function classNamesIn({ key_value_metadata }: FileMetaData): Map<string, ClassNames> {
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const schema = Schema.safeParse(text === undefined ? undefined : JSON.parse(text));
  const features = Object.entries(schema.data?.info.features ?? {});
  return new Map(
    features.flatMap(([column, feature]) => {
      const parsed = Feature.safeParse(feature);
      return parsed.success ? [[column, parsed.data.names] as const] : [];
    }),
  );
}
