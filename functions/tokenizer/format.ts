/**
 * The compiled tokenizer's container (version 1), written and read here: "VNRTOKEN", u32 version, u32 length of the
 * directory, the directory as JSON, then arrays at multiples of 8 bytes. Everything is little-endian, and reading it
 * makes views, not copies.
 */
import { VeneerError } from '../error.ts';

const magic = 'VNRTOKEN';
const version = 1;
const headerBytes = 16;
const align = (offset: number) => Math.ceil(offset / 8) * 8;

const kinds = { u8: Uint8Array, u16: Uint16Array, i32: Int32Array, f64: Float64Array } as const;
type Kind = keyof typeof kinds;
type Arrays = { u8: Uint8Array; u16: Uint16Array; i32: Int32Array; f64: Float64Array };
export type Section = Arrays[Kind];

/** Adds an array under a name. */
export type SectionWriter = (name: string, array: Section) => void;

/** The array of a kind that was written under a name. */
export type SectionReader = <K extends Kind>(kind: K, name: string) => Arrays[K];

interface Entry {
  kind: Kind;
  /** Bytes from the start of the first section, and elements. */
  offset: number;
  length: number;
}

const kindOf = (array: Section) =>
  (Object.keys(kinds) as Kind[]).find(kind => array instanceof kinds[kind]) as Kind;

/** `config` is any JSON value; it comes back from `unpack` as it was. */
export function pack(config: unknown, arrays: ReadonlyMap<string, Section>): Uint8Array {
  const sections: Record<string, Entry> = {};
  let offset = 0;
  for (const [name, array] of arrays) {
    sections[name] = { kind: kindOf(array), offset, length: array.length };
    offset = align(offset + array.byteLength);
  }
  const directory = new TextEncoder().encode(JSON.stringify({ config, sections }));
  const first = align(headerBytes + directory.length);
  const bytes = new Uint8Array(first + offset);
  bytes.set(new TextEncoder().encode(magic));
  const header = new DataView(bytes.buffer);
  header.setUint32(8, version, true);
  header.setUint32(12, directory.length, true);
  bytes.set(directory, headerBytes);
  for (const [name, array] of arrays)
    bytes.set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
      first + sections[name]!.offset,
    );
  return bytes;
}

/** @throws VeneerError `invalid_artifact` where the bytes are not a container of this version, or cut short. */
export function unpack(given: Uint8Array): { config: unknown; section: SectionReader } {
  const damaged = (what: string) =>
    new VeneerError('invalid_artifact', `compiled tokenizer: ${what}; build the base again with pull-base`);
  if (given.length < headerBytes || new TextDecoder().decode(given.subarray(0, 8)) !== magic)
    throw damaged(`it does not start with ${magic}`);
  // Views need multiples of 8 from the start of the buffer; a slice of a pool of buffers may lie anywhere.
  const bytes = given.byteOffset % 8 === 0 ? given : given.slice();
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  if (header.getUint32(8, true) !== version)
    throw damaged(`its version is ${header.getUint32(8, true)}, and this program reads ${version}`);
  const directoryBytes = header.getUint32(12, true);
  const first = align(headerBytes + directoryBytes);
  if (first > bytes.length) throw damaged('its directory is cut short');
  let directory: { config: unknown; sections: Record<string, Entry> };
  try {
    directory = JSON.parse(
      new TextDecoder().decode(bytes.subarray(headerBytes, headerBytes + directoryBytes)),
    );
  } catch (cause) {
    throw new VeneerError('invalid_artifact', damaged('its directory is not JSON').message, { cause });
  }
  const section: SectionReader = (kind, name) => {
    const entry = directory.sections?.[name];
    const View = kinds[kind];
    if (entry?.kind !== kind) throw damaged(`it has no ${kind} section ${name}`);
    const from = first + entry.offset;
    if (
      !(entry.offset >= 0) ||
      !(entry.length >= 0) ||
      from + entry.length * View.BYTES_PER_ELEMENT > bytes.length
    )
      throw damaged(`its section ${name} is cut short`);
    return new View(
      bytes.buffer as ArrayBuffer,
      bytes.byteOffset + from,
      entry.length,
    ) as Arrays[typeof kind];
  };
  return { config: directory.config, section };
}
