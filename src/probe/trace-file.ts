// The file of a routing trace, version 1. Little-endian, without gaps:
//
//   0  magic "SLTR"        8  tokenCount u32      16  expertCount u32
//   4  version u16 = 1    12  layerCount u16      20  columns
//   6  flags u16          14  topK u16
//
// Columns, in this order: positions u32 [token] · phases u8 [token] · expertIds [token, layer, k], u8 when expertCount ≤ 256 and else u16 · and, when their flag
// is set, tokenIds u32 [token] (1) · weights f32 [token, layer, k] (2) · tiers u8 [token, layer, k] (4). The file ends there.
// Files are not trusted: the header must account for the exact size before anything is allocated, and every id is checked.

import { EngineError, type EngineErrorCode } from '../core/errors';
import { TIERS } from '../core/routing-frame';
import { PHASES, type Trace } from './trace';

const MAGIC = 0x52_54_4c_53;
const VERSION = 1;
const HEADER_BYTES = 20;
const HAS_TOKEN_IDS = 1;
const HAS_WEIGHTS = 2;
const HAS_TIERS = 4;
const MAX_EXPERTS = 65_536;

export function encodeTrace(trace: Trace): Uint8Array<ArrayBuffer> {
  const { tokenCount, layerCount, topK, expertCount, tokenIds, weights, tiers } = trace;
  const columns = [
    littleEndian(trace.positions),
    trace.phases,
    expertCount <= 256 ? Uint8Array.from(trace.expertIds) : littleEndian(trace.expertIds),
    ...(tokenIds ? [littleEndian(tokenIds)] : []),
    ...(weights ? [littleEndian(weights)] : []),
    ...(tiers ? [tiers] : []),
  ];
  const bytes = new Uint8Array(HEADER_BYTES + columns.reduce((sum, column) => sum + column.byteLength, 0));
  const header = new DataView(bytes.buffer);
  header.setUint32(0, MAGIC, true);
  header.setUint16(4, VERSION, true);
  header.setUint16(6, (tokenIds ? HAS_TOKEN_IDS : 0) | (weights ? HAS_WEIGHTS : 0) | (tiers ? HAS_TIERS : 0), true);
  header.setUint32(8, tokenCount, true);
  header.setUint16(12, layerCount, true);
  header.setUint16(14, topK, true);
  header.setUint32(16, expertCount, true);
  let at = HEADER_BYTES;
  for (const column of columns) {
    bytes.set(column, at);
    at += column.byteLength;
  }
  return bytes;
}

/** Throws 'file-corrupt', 'file-truncated' or 'unsupported-version', naming the field. */
export function decodeTrace(bytes: Uint8Array): Trace {
  if (bytes.byteLength < HEADER_BYTES) throw bad('file-truncated', `ends within its header (${bytes.byteLength} bytes)`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.getUint32(0, true) !== MAGIC) throw bad('file-corrupt', 'does not begin with the magic "SLTR"');
  const version = header.getUint16(4, true);
  if (version !== VERSION) throw bad('unsupported-version', `has version ${version}`);
  const flags = header.getUint16(6, true);
  if (flags > (HAS_TOKEN_IDS | HAS_WEIGHTS | HAS_TIERS)) throw bad('file-corrupt', `has unknown flags (${flags})`);
  const tokenCount = header.getUint32(8, true);
  const layerCount = checked('layerCount', header.getUint16(12, true), 1, 65_535);
  const expertCount = checked('expertCount', header.getUint32(16, true), 1, MAX_EXPERTS);
  const topK = checked('topK', header.getUint16(14, true), 1, expertCount);

  const entryCount = tokenCount * layerCount * topK;
  const idBytes = expertCount <= 256 ? 1 : 2;
  const perEntry = idBytes + (flags & HAS_WEIGHTS ? 4 : 0) + (flags & HAS_TIERS ? 1 : 0);
  const size = HEADER_BYTES + tokenCount * (5 + (flags & HAS_TOKEN_IDS ? 4 : 0)) + entryCount * perEntry;
  if (bytes.byteLength < size) throw bad('file-truncated', `has ${bytes.byteLength} of the ${size} bytes that its header promises (tokenCount ${tokenCount})`);
  if (bytes.byteLength > size) throw bad('file-corrupt', `has ${bytes.byteLength - size} bytes more than its header promises (tokenCount ${tokenCount})`);

  let at = HEADER_BYTES;
  // Copies, since columns need not be aligned; by the constructor, since a Node Buffer's slice is a view.
  const take = (byteLength: number) => new Uint8Array(bytes.subarray(at, (at += byteLength)));
  const positions = nativeEndian(new Uint32Array(take(tokenCount * 4).buffer));
  const phases = below('phases', take(tokenCount), PHASES.length);
  const ids = take(entryCount * idBytes);
  const expertIds = below('expertIds', idBytes === 1 ? Uint16Array.from(ids) : nativeEndian(new Uint16Array(ids.buffer)), expertCount);
  return {
    layerCount,
    expertCount,
    topK,
    tokenCount,
    positions,
    phases,
    expertIds,
    ...(flags & HAS_TOKEN_IDS ? { tokenIds: nativeEndian(new Uint32Array(take(tokenCount * 4).buffer)) } : {}),
    ...(flags & HAS_WEIGHTS ? { weights: finite(nativeEndian(new Float32Array(take(entryCount * 4).buffer))) } : {}),
    ...(flags & HAS_TIERS ? { tiers: below('tiers', take(entryCount), TIERS.length) } : {}),
  };
}

function bad(code: EngineErrorCode, what: string): EngineError {
  return new EngineError(code, `The routing trace ${what}.`, 'Record it again with `sluice trace`, or download it again.');
}

function checked(field: string, value: number, low: number, high: number): number {
  if (value < low || value > high) throw bad('file-corrupt', `has ${field} ${value}, which is not from ${low} to ${high}`);
  return value;
}

function below<Column extends Uint8Array | Uint16Array>(field: string, column: Column, limit: number): Column {
  for (let i = 0; i < column.length; i++) if (column[i]! >= limit) throw bad('file-corrupt', `has ${column[i]} in ${field}, which is not below ${limit}`);
  return column;
}

function finite(weights: Float32Array): Float32Array {
  for (const weight of weights) if (!Number.isFinite(weight)) throw bad('file-corrupt', `has ${weight} in weights`);
  return weights;
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndian(column: Uint32Array | Uint16Array | Float32Array): Uint8Array {
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  return IS_LITTLE_ENDIAN ? bytes : swapped(bytes, column.BYTES_PER_ELEMENT);
}

function nativeEndian<Column extends Uint32Array | Uint16Array | Float32Array>(column: Column): Column {
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  if (!IS_LITTLE_ENDIAN) bytes.set(swapped(bytes, column.BYTES_PER_ELEMENT));
  return column;
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  return Uint8Array.from(bytes, (_, i) => bytes[i - (i % width) + width - 1 - (i % width)]!);
}
