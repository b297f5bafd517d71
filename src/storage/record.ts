// A record: what is stored for one expert or one trunk tensor. A fixed header, then the payload (weights already repacked as core/packed-weights says).
// Nothing read back is trusted: browsers drop, truncate and mix up stored data, and pages of the same origin can write to it.
//
// Header, 64 bytes, little-endian:
//    0  u32  magic 'SLXR'              24  u32  xxHash32 of the payload       44  u32  expert (0 in trunk records)
//    4  u32  format version            28  u32  reserved, 0                   48  u32  xxHash32 of the tensor's name (0 in expert records)
//    8  u32  payload kind              32  u64  model: hash of its identity   52  12 bytes reserved, 0
//   12  u32  reserved, 0               40  u32  layer (0 in trunk records)
//   16  u64  payload bytes
// The header's length keeps the payload 16-byte aligned, so that it goes to the GPU from where it lies.

import { assert } from '../core/assert';
import { xxHash32, xxHash32OfText } from './checksum';

export const RECORD_HEADER_BYTES = 64;
export const RECORD_VERSION = 1;

const MAGIC = 0x52584c53; // 'SLXR' read as a little-endian u32
const TWO_TO_32 = 0x1_0000_0000;
/** What the header at hand should be: one for all, since decoding is synchronous and a new one takes longer than all else that looks at a header. */
const expectedHeader = new DataView(new ArrayBuffer(RECORD_HEADER_BYTES));
const PAYLOAD_KINDS = { expert: 1, trunk: 2, 'source-header': 3, profile: 4 } as const;

/** What a record holds, and of which model. `modelId` is 16 hexadecimal digits (see `modelIdOf`). */
export type RecordAddress =
  | { readonly kind: 'expert'; readonly modelId: string; readonly layer: number; readonly expert: number }
  | { readonly kind: 'trunk'; readonly modelId: string; readonly name: string }
  | { readonly kind: 'source-header'; readonly modelId: string }
  | { readonly kind: 'profile'; readonly modelId: string };

export type DecodedRecord = { readonly ok: true; readonly payload: Uint8Array } | { readonly ok: false; readonly reason: string };

/** 16 hexadecimal digits for a model file's identity: the first part of its keys, and the model field of its records. */
export function modelIdOf(identity: string): string {
  return hexadecimal(xxHash32OfText(identity, 0)) + hexadecimal(xxHash32OfText(identity, 0x534c5852));
}

export function isModelId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** Header and payload in one new array. */
export function encodeRecord(address: RecordAddress, payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_BYTES + payload.byteLength);
  writeHeader(new DataView(record.buffer, 0, RECORD_HEADER_BYTES), address, payload.byteLength, xxHash32(payload));
  record.set(payload, RECORD_HEADER_BYTES);
  return record;
}

/**
 * The payload as a view into `record`, or why the record is not what was asked for.
 * `payloadBytes` is the length that the payload must have, where that is known; `isChecked` says that its checksum was found right before.
 */
export function decodeRecord(record: Uint8Array, address: RecordAddress, payloadBytes?: number, isChecked = false): DecodedRecord {
  if (record.byteLength < RECORD_HEADER_BYTES) return corrupt(`it has ${record.byteLength} bytes, fewer than its header`);
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return corrupt('it does not start with the record magic');
  const version = view.getUint32(4, true);
  if (version !== RECORD_VERSION) return corrupt(`its format version is ${version}, not ${RECORD_VERSION}`);

  const promisedBytes = view.getUint32(16, true) + view.getUint32(20, true) * TWO_TO_32;
  const payload = record.subarray(RECORD_HEADER_BYTES);
  if (promisedBytes !== payload.byteLength) return corrupt(`its header promises ${promisedBytes} bytes and ${payload.byteLength} follow`);
  if (payloadBytes !== undefined && payloadBytes !== promisedBytes) return corrupt(`it holds ${promisedBytes} bytes instead of ${payloadBytes}`);

  const checksum = view.getUint32(24, true);
  writeHeader(expectedHeader, address, promisedBytes, checksum);
  for (let at = 0; at < RECORD_HEADER_BYTES; at += 4) {
    if (view.getUint32(at, true) !== expectedHeader.getUint32(at, true)) return corrupt('its header names other data');
  }
  if (!isChecked && xxHash32(payload) !== checksum) return corrupt('its checksum does not match');
  return { ok: true, payload };
}

/** Into a view of a header whose reserved bytes are 0. */
function writeHeader(header: DataView, address: RecordAddress, payloadBytes: number, checksum: number): void {
  const { kind, modelId } = address;
  assert(isModelId(modelId), `model id ${modelId} is not 16 hexadecimal digits`);
  header.setUint32(0, MAGIC, true);
  header.setUint32(4, RECORD_VERSION, true);
  header.setUint32(8, PAYLOAD_KINDS[kind], true);
  header.setUint32(16, payloadBytes % TWO_TO_32, true);
  header.setUint32(20, Math.floor(payloadBytes / TWO_TO_32), true);
  header.setUint32(24, checksum, true);
  header.setUint32(32, Number.parseInt(modelId.slice(8), 16), true);
  header.setUint32(36, Number.parseInt(modelId.slice(0, 8), 16), true);
  header.setUint32(40, kind === 'expert' ? address.layer : 0, true);
  header.setUint32(44, kind === 'expert' ? address.expert : 0, true);
  header.setUint32(48, kind === 'trunk' ? xxHash32OfText(address.name) : 0, true);
}

function corrupt(reason: string): DecodedRecord {
  return { ok: false, reason };
}

function hexadecimal(word: number): string {
  return word.toString(16).padStart(8, '0');
}
