/** A file of records in any of the formats, by its extension. */
import { extname } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import { readBytes, readText } from './files.ts';
import { parquetTable } from './parquet.ts';
import { type Table, type TableFormat, tableFormats } from './table.ts';

export const tableExtensions = [...Object.keys(tableFormats), 'parquet'];

export async function readTable(file: string): Promise<Table & { digest: string }> {
  const extension = extname(file).slice(1).toLowerCase();
  if (!tableExtensions.includes(extension))
    throw new VeneerError(
      'invalid_data',
      `${file}: the extension must say the format: .${tableExtensions.join(', .')}`,
    );
  if (extension === 'parquet') {
    const { bytes, digest } = await readBytes(file);
    return { ...(await parquetTable(bytes, file)), digest };
  }
  const { text, digest } = await readText(file);
  return { ...tableFormats[extension as TableFormat](text, file), digest };
}
