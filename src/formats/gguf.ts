// GGUF, the container of llama.cpp: header, metadata, list of tensors, padding, tensor data. Versions 2 and 3, little-endian.
// After the specification in ggml's docs/gguf.md. Nothing in the file is trusted: each count, length, offset and range is checked against the file before
// use, so that a bad file costs an EngineError and no large allocation.

import { EngineError, throwIfAborted } from '../core/errors';
import { KiB, MiB, roundUp } from '../core/units';
import { GGML_TYPES, type GgmlType } from './ggml-types';
import { GgufMetadata, type GgufArray, type GgufValue } from './gguf-metadata';
import { HeaderCursor, MoreBytesNeeded, corrupt, truncated } from './header-cursor';
import type { Source } from './source';

export interface GgufTensor {
  readonly name: string;
  /** Fastest first: [columns, rows, experts]. One to four. */
  readonly dimensions: readonly number[];
  readonly type: GgmlType;
  readonly elementCount: number;
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface GgufFile {
  /** Of the source, for messages. */
  readonly name: string;
  readonly version: number;
  readonly alignmentBytes: number;
  readonly dataStartBytes: number;
  readonly sizeBytes: number;
  readonly metadata: GgufMetadata;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 0x46554747; // "GGUF"
const FIRST_READ_BYTES = 256 * KiB;
/** Each further read makes the header this many times longer, so that parsing it again from the start costs at most a third more. */
const GROWTH = 4;

// Limits, far above any real file (the largest vocabularies make headers of some 20 MB).
const MAX_HEADER_BYTES = 128 * MiB;
const MAX_TENSORS = 1_000_000;
const MAX_KEYS = 100_000;
const MAX_KEY_BYTES = 65_535; // of the specification
const MAX_TENSOR_NAME_BYTES = 256; // ggml itself stops at 64
const MAX_STRING_BYTES = 16 * MiB;
const MAX_LIST_ITEMS = 4 * MiB; // the largest vocabularies have 256 Ki tokens, and twice as many merges
const MAX_ARRAY_NESTING = 4;
const MAX_DIMENSIONS = 4; // of ggml
const MAX_ALIGNMENT_BYTES = 64 * KiB;
const DEFAULT_ALIGNMENT_BYTES = 32;

// The least that one entry takes: a key of length 0 with a one-byte value; a tensor with empty name and no dimension.
const LEAST_KEY_BYTES = 8 + 4 + 1;
const LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;
const LEAST_ARRAY_BYTES = 4 + 8;

/**
 * Reads the header of a GGUF file, in a few range reads from its start. Rejects with EngineError: 'not-gguf', 'unsupported-version', 'file-truncated',
 * 'file-corrupt' (the message names the field), 'unsupported-tensor-type' (a type number that is not even known by size), or what the source rejects with.
 */
export async function readGguf(source: Source, signal?: AbortSignal): Promise<GgufFile> {
  let bytes: Uint8Array = new Uint8Array(0);
  let wantedBytes = FIRST_READ_BYTES;
  for (;;) {
    throwIfAborted(signal);
    bytes = await grow(source, bytes, Math.min(wantedBytes, source.sizeBytes, MAX_HEADER_BYTES), signal);
    try {
      return parseHeader(source, new HeaderCursor(bytes, source.sizeBytes, MAX_HEADER_BYTES));
    } catch (thrown) {
      if (!(thrown instanceof MoreBytesNeeded)) throw thrown;
      wantedBytes = Math.max(thrown.endBytes, bytes.byteLength * GROWTH);
    }
  }
}

async function grow(source: Source, bytes: Uint8Array, sizeBytes: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const rest = await source.read(bytes.byteLength, sizeBytes - bytes.byteLength, signal);
  if (bytes.byteLength === 0) return rest;
  const grown = new Uint8Array(sizeBytes);
  grown.set(bytes);
  grown.set(rest, bytes.byteLength);
  return grown;
}

function parseHeader(source: Source, cursor: HeaderCursor): GgufFile {
  if (source.sizeBytes < 4 || cursor.uint32('the magic') !== MAGIC) {
    throw new EngineError('not-gguf', `${source.name} is not a GGUF file.`, 'Choose a file whose name ends in .gguf.');
  }
  const version = parseVersion(cursor);
  const tensorCount = cursor.count('the tensor count', MAX_TENSORS);
  const keyCount = cursor.count('the metadata count', MAX_KEYS);
  cursor.expectRoom(keyCount * LEAST_KEY_BYTES + tensorCount * LEAST_TENSOR_BYTES, 'the lists of metadata and tensors');
  const metadata = parseMetadata(cursor, keyCount);
  const alignmentBytes = parseAlignment(metadata);
  const unplaced = parseTensors(cursor, tensorCount, alignmentBytes);
  const dataStartBytes = roundUp(cursor.offset, alignmentBytes);
  const tensors = new Map<string, GgufTensor>();
  for (const tensor of unplaced) {
    const offsetBytes = dataStartBytes + tensor.offsetBytes;
    const endBytes = offsetBytes + tensor.sizeBytes;
    if (endBytes > source.sizeBytes) {
      throw truncated(`The tensor "${tensor.name}" should end at byte ${endBytes}, but the file ends at byte ${source.sizeBytes}.`);
    }
    if (tensors.has(tensor.name)) throw corrupt(`two tensors are named "${tensor.name}"`);
    tensors.set(tensor.name, { ...tensor, offsetBytes });
  }
  return { name: source.name, version, alignmentBytes, dataStartBytes, sizeBytes: source.sizeBytes, metadata, tensors };
}

function parseVersion(cursor: HeaderCursor): number {
  const version = cursor.uint32('the version');
  if (version === 2 || version === 3) return version;
  const isBigEndian = version !== 0 && (version & 0xffff) === 0;
  throw new EngineError(
    'unsupported-version',
    isBigEndian ? 'The GGUF file is big-endian.' : `The GGUF version is ${version}.`,
    'Versions 2 and 3 in little-endian order can be read; convert the model again with a current llama.cpp.',
  );
}

function parseMetadata(cursor: HeaderCursor, keyCount: number): GgufMetadata {
  const values = new Map<string, GgufValue>();
  for (let index = 0; index < keyCount; index++) {
    const key = cursor.string(`metadata key ${index}`, MAX_KEY_BYTES, 'strict');
    const field = `the metadata key "${key}"`;
    if (values.has(key)) throw corrupt(`${field} is there twice`);
    values.set(key, parseValue(cursor, cursor.uint32(`the type of ${field}`), field, 0));
  }
  return new GgufMetadata(values);
}

const ARRAY_TYPE = 9;

type ScalarReader = (cursor: HeaderCursor, field: string) => Exclude<GgufValue, GgufArray>;

/** By type code: the least bytes that one value takes, and how it is read. Arrays are apart. */
const VALUE_READERS: ReadonlyMap<number, { readonly leastBytes: number; readonly read: ScalarReader }> = new Map(
  (
    [
      [0, 1, (cursor, field) => cursor.uint8(field)],
      [1, 1, (cursor, field) => cursor.int8(field)],
      [2, 2, (cursor, field) => cursor.uint16(field)],
      [3, 2, (cursor, field) => cursor.int16(field)],
      [4, 4, (cursor, field) => cursor.uint32(field)],
      [5, 4, (cursor, field) => cursor.int32(field)],
      [6, 4, (cursor, field) => cursor.float32(field)],
      [7, 1, parseBoolean],
      [8, 8, (cursor, field) => cursor.string(field, MAX_STRING_BYTES, 'lenient')],
      [10, 8, (cursor, field) => exactNumber(cursor.uint64(field))],
      [11, 8, (cursor, field) => exactNumber(cursor.int64(field))],
      [12, 8, (cursor, field) => cursor.float64(field)],
    ] as ReadonlyArray<readonly [type: number, leastBytes: number, read: ScalarReader]>
  ).map(([type, leastBytes, read]) => [type, { leastBytes, read }]),
);

function parseValue(cursor: HeaderCursor, type: number, field: string, nesting: number): GgufValue {
  if (type === ARRAY_TYPE) return parseArray(cursor, field, nesting);
  const reader = VALUE_READERS.get(type);
  if (!reader) throw corrupt(`${field} has the unknown value type ${type}`);
  return reader.read(cursor, field);
}

function parseArray(cursor: HeaderCursor, field: string, nesting: number): GgufArray {
  if (nesting >= MAX_ARRAY_NESTING) throw corrupt(`${field} has lists nested deeper than ${MAX_ARRAY_NESTING}`);
  const itemType = cursor.uint32(`the item type of ${field}`);
  const count = cursor.count(`the length of ${field}`, MAX_HEADER_BYTES);
  const reader = VALUE_READERS.get(itemType);
  if (!reader && itemType !== ARRAY_TYPE) throw corrupt(`${field} has items of the unknown value type ${itemType}`);
  cursor.expectRoom(count * (reader?.leastBytes ?? LEAST_ARRAY_BYTES), field);
  if (count > MAX_LIST_ITEMS) throw corrupt(`${field} is a list of ${count}; at most ${MAX_LIST_ITEMS} is possible`);
  const items: GgufValue[] = [];
  for (let index = 0; index < count; index++) items.push(reader ? reader.read(cursor, field) : parseArray(cursor, field, nesting + 1));
  return items as unknown as GgufArray; // all items were read by the same reader
}

function parseBoolean(cursor: HeaderCursor, field: string): boolean {
  const value = cursor.uint8(field);
  if (value > 1) throw corrupt(`${field} is a boolean with the value ${value}`);
  return value === 1;
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function parseAlignment(metadata: GgufMetadata): number {
  const alignmentBytes = metadata.integer('general.alignment', 1, MAX_ALIGNMENT_BYTES, DEFAULT_ALIGNMENT_BYTES);
  if ((alignmentBytes & (alignmentBytes - 1)) !== 0) throw corrupt(`general.alignment is ${alignmentBytes}, which is not a power of two`);
  return alignmentBytes;
}

/** Tensors with offsets as in the file: from the start of the data. */
function parseTensors(cursor: HeaderCursor, tensorCount: number, alignmentBytes: number): GgufTensor[] {
  const tensors: GgufTensor[] = [];
  for (let index = 0; index < tensorCount; index++) {
    const name = cursor.string(`the name of tensor ${index}`, MAX_TENSOR_NAME_BYTES, 'strict');
    const field = `the tensor "${name}"`;
    const dimensions = parseDimensions(cursor, field);
    const type = parseTensorType(cursor, field);
    const elementCount = dimensions.reduce((product, dimension) => product * dimension, 1);
    if (!Number.isSafeInteger(elementCount)) throw corrupt(`${field} has the dimensions ${dimensions.join(' × ')}`);
    if ((dimensions[0] ?? 1) % type.blockSize !== 0) {
      throw corrupt(`${field} has rows of ${dimensions[0]}, which is not a multiple of the block size ${type.blockSize} of ${type.name}`);
    }
    const sizeBytes = (elementCount / type.blockSize) * type.blockBytes;
    if (!Number.isSafeInteger(sizeBytes)) throw corrupt(`${field} has the dimensions ${dimensions.join(' × ')}`);
    const offsetBytes = cursor.count(`the offset of ${field}`, Number.MAX_SAFE_INTEGER);
    if (offsetBytes % alignmentBytes !== 0) throw corrupt(`${field} has the offset ${offsetBytes}, which is not a multiple of the alignment ${alignmentBytes}`);
    tensors.push({ name, dimensions, type, elementCount, offsetBytes, sizeBytes });
  }
  return tensors;
}

function parseDimensions(cursor: HeaderCursor, field: string): number[] {
  const dimensionCount = cursor.uint32(`the dimension count of ${field}`);
  if (dimensionCount < 1 || dimensionCount > MAX_DIMENSIONS) throw corrupt(`${field} has ${dimensionCount} dimensions`);
  const dimensions: number[] = [];
  for (let index = 0; index < dimensionCount; index++) {
    const dimension = cursor.count(`dimension ${index} of ${field}`, Number.MAX_SAFE_INTEGER);
    if (dimension === 0) throw corrupt(`dimension ${index} of ${field} is 0`);
    dimensions.push(dimension);
  }
  return dimensions;
}

function parseTensorType(cursor: HeaderCursor, field: string): GgmlType {
  const id = cursor.uint32(`the type of ${field}`);
  const type = GGML_TYPES.get(id);
  if (type) return type;
  throw new EngineError(
    'unsupported-tensor-type',
    `In the GGUF header, ${field} has the type number ${id}, which is not known.`,
    'The file is damaged, or stored in a format that is newer or older than this version of Sluice; try another quantisation of the model.',
  );
}
