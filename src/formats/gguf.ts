// GGUF, the container of llama.cpp: header, metadata, list of tensors, padding, tensor data. Versions 2 and 3, little-endian.
// After the specification in ggml's docs/gguf.md. Nothing in the file is trusted: each count, length, offset and range is checked against the file before
// use, so that a bad file costs an EngineError and no large allocation.

import { EngineError, throwIfAborted } from '../core/errors';
import { KiB, MiB, roundUp } from '../core/units';
import { GGML_TYPES, type GgmlType } from './ggml-types';
import { GgufMetadata } from './gguf-metadata';
import { readMetadata } from './gguf-values';
import { HeaderBytes } from './header-bytes';
import { HeaderCursor, type HeaderLimits, MoreBytesNeeded, corrupt, truncated } from './header-cursor';
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

type PlacedLater = Omit<GgufTensor, 'offsetBytes'> & { offsetBytes: number };

const MAGIC = 0x46554747; // "GGUF"
const FIRST_READ_BYTES = 256 * KiB;
/** Each further read makes the header this many times longer, so that parsing it again from the start costs at most a third more. */
const GROWTH = 4;

// Limits, far above any real file (the largest vocabularies make headers of some 20 MB).
const MAX_HEADER_BYTES = 128 * MiB;
const MAX_TENSORS = 1_000_000;
const MAX_KEYS = 100_000;
const MAX_PARTS = 1000;
const MAX_TENSOR_NAME_BYTES = 256; // ggml itself stops at 64
const MAX_DIMENSIONS = 4; // of ggml
const MAX_ALIGNMENT_BYTES = 64 * KiB;
const DEFAULT_ALIGNMENT_BYTES = 32;
const SPLIT_COUNT_KEY = 'split.count';

// The least that one entry takes: a key of length 0 with a one-byte value; a tensor with empty name and no dimension.
const LEAST_KEY_BYTES = 8 + 4 + 1;
const LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

// What is made of a header takes no more memory than the file has bytes, and its bytes themselves no more than once: twice the file in all. A file that lists
// tensors of a few bytes would break that, and is refused; a real one has some kilobytes for each. Below this size nothing is refused: it is what the reader
// would take for a model of a thousand tensors, and no tab notices it.
const FREE_MEMORY_BYTES = 512 * KiB;
/** Of one tensor, at the most: the object, its dimensions, its share of the map and of the sorted list, the head of its name. */
const TENSOR_MEMORY_BYTES = 400;

/** What a file says that is one of several which hold a model together (keys of llama.cpp's gguf-split). */
export interface GgufSplit {
  /** From 0. */
  readonly index: number;
  readonly count: number;
  /** Of all parts together. */
  readonly tensorCount: number;
}

/** A file with the bytes of its header, which a model in parts is put together from (split-gguf.ts). */
export interface GgufHeader {
  readonly file: GgufFile;
  readonly bytes: HeaderBytes;
  /** The tensor count is before the metadata, the list of tensors behind it. */
  readonly tensorListStartBytes: number;
  /** Of the value in the file that says how many parts there are. */
  readonly splitCountOffset: number | undefined;
  readonly split: GgufSplit | undefined;
}

/**
 * Reads the header of a GGUF file, in a few range reads from its start. Rejects with EngineError: 'not-gguf', 'unsupported-version', 'file-truncated',
 * 'file-corrupt' (the message names the field), 'unsupported-tensor-type' (a type number that is not even known by size), or what the source rejects with.
 */
export async function readGguf(source: Source, signal?: AbortSignal): Promise<GgufFile> {
  const { file, split } = await readGgufHeader(source, signal);
  if (!split) return file;
  throw new EngineError(
    'invalid-argument',
    `${source.name} is part ${split.index + 1} of ${split.count} of a model.`,
    'Keep the parts side by side, with the names that they were published under (…-00001-of-00003.gguf); where files are chosen, choose all of them.',
  );
}

/** The same, of a whole file or of a part. */
export async function readGgufHeader(source: Source, signal?: AbortSignal): Promise<GgufHeader> {
  const bytes = new HeaderBytes();
  let wantedBytes = FIRST_READ_BYTES;
  for (;;) {
    throwIfAborted(signal);
    const endBytes = Math.min(wantedBytes, source.sizeBytes, MAX_HEADER_BYTES);
    bytes.append(await source.read(bytes.byteLength, endBytes - bytes.byteLength, signal));
    try {
      return parseHeader(source, bytes);
    } catch (thrown) {
      if (!(thrown instanceof MoreBytesNeeded)) throw thrown;
      wantedBytes = Math.max(thrown.endBytes, bytes.byteLength * GROWTH);
    }
  }
}

function parseHeader(source: Source, bytes: HeaderBytes): GgufHeader {
  const { name, sizeBytes } = source;
  const limits: HeaderLimits = { fileBytes: sizeBytes, headerBytes: MAX_HEADER_BYTES, memoryBytes: sizeBytes + FREE_MEMORY_BYTES };
  const cursor = new HeaderCursor(bytes, limits);
  if (sizeBytes < 4 || cursor.uint32('the magic') !== MAGIC) {
    throw new EngineError('not-gguf', `${name} is not a GGUF file.`, 'Choose a file whose name ends in .gguf.');
  }
  const version = parseVersion(cursor);
  const tensorCount = cursor.count('the tensor count', MAX_TENSORS);
  const keyCount = cursor.count('the metadata count', MAX_KEYS);
  cursor.expectRoom(keyCount * LEAST_KEY_BYTES + tensorCount * LEAST_TENSOR_BYTES, 'the lists of metadata and tensors');
  const values = readMetadata(cursor, keyCount, bytes, limits);
  const metadata = new GgufMetadata(values);
  const tensorListStartBytes = cursor.offset;
  const alignmentBytes = parseAlignment(metadata);
  const tensors = parseTensors(cursor, tensorCount, alignmentBytes);
  const dataStartBytes = roundUp(cursor.offset, alignmentBytes);
  for (const tensor of tensors.values()) tensor.offsetBytes += dataStartBytes;
  checkPlaces(tensors, sizeBytes);
  const file = { name, version, alignmentBytes, dataStartBytes, sizeBytes, metadata, tensors };
  return { file, bytes, tensorListStartBytes, splitCountOffset: values.offsetOf(SPLIT_COUNT_KEY), split: parseSplit(metadata) };
}

/** Undefined for a whole file. */
function parseSplit(metadata: GgufMetadata): GgufSplit | undefined {
  const count = metadata.integer(SPLIT_COUNT_KEY, 0, MAX_PARTS, 1);
  if (count <= 1) return undefined;
  return { count, index: metadata.integer('split.no', 0, count - 1), tensorCount: metadata.integer('split.tensors.count', 0, MAX_TENSORS) };
}

/** Every tensor is in the file, and has its bytes for itself. */
function checkPlaces(tensors: ReadonlyMap<string, GgufTensor>, fileBytes: number): void {
  const inOrder = [...tensors.values()].sort((a, b) => a.offsetBytes - b.offsetBytes);
  let before: GgufTensor | undefined;
  for (const tensor of inOrder) {
    const endBytes = tensor.offsetBytes + tensor.sizeBytes;
    if (endBytes > fileBytes) throw truncated(`The tensor "${tensor.name}" should end at byte ${endBytes}, but the file ends at byte ${fileBytes}.`);
    if (before && before.offsetBytes + before.sizeBytes > tensor.offsetBytes) throw corrupt(`the tensors "${before.name}" and "${tensor.name}" overlap`);
    before = tensor;
  }
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

function parseAlignment(metadata: GgufMetadata): number {
  const alignmentBytes = metadata.integer('general.alignment', 1, MAX_ALIGNMENT_BYTES, DEFAULT_ALIGNMENT_BYTES);
  if ((alignmentBytes & (alignmentBytes - 1)) !== 0) throw corrupt(`general.alignment is ${alignmentBytes}, which is not a power of two`);
  return alignmentBytes;
}

/** Tensors with offsets as in the file: from the start of the data. */
function parseTensors(cursor: HeaderCursor, tensorCount: number, alignmentBytes: number): Map<string, PlacedLater> {
  const tensors = new Map<string, PlacedLater>();
  for (let index = 0; index < tensorCount; index++) {
    const name = cursor.string(`the name of tensor ${index}`, MAX_TENSOR_NAME_BYTES, 'strict');
    const field = `the tensor "${name}"`;
    cursor.spendMemory(TENSOR_MEMORY_BYTES + 2 * name.length, field);
    if (tensors.has(name)) throw corrupt(`two tensors are named "${name}"`);
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
    tensors.set(name, { name, dimensions, type, elementCount, offsetBytes, sizeBytes });
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
