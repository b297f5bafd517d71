// One layer's expert records in one file of the origin private file system, all in places of the same size, so that an expert is found by its number alone.
//
//   0              head, 4096 bytes: u32 magic 'SLXL', u32 version, u32 place bytes, u32 xxHash32 of the twelve bytes before, zeros
//   4096 + e · p   place of expert e: u32 magic 'SLXP', u32 record bytes, u32 the same inverted, u32 0, then the record, padding up to p bytes
//
// A write first clears the place's prefix, then writes the record, then the prefix: whatever kills the tab in between, the record is absent or whole. Should
// the machine lose power, the system may have reordered that; then the record's own checksum tells. The prefix's 16 bytes keep the payload aligned.

import { xxHash32 } from './checksum';

/** A FileSystemSyncAccessHandle: there is one only in dedicated workers, so TypeScript's DOM library does not have it. */
export interface SyncHandle {
  read(into: Uint8Array, options: { readonly at: number }): number;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  getSize(): number;
  flush(): void;
  close(): void;
}

export const FILE_HEAD_BYTES = 4096;
export const PLACE_PREFIX_BYTES = 16;

const FILE_VERSION = 1;
const FILE_MAGIC = 0x4c584c53; // 'SLXL' read as a little-endian u32
const PLACE_MAGIC = 0x50584c53; // 'SLXP'
const PLACE_ALIGNMENT_BYTES = 4096;
/** Larger records go elsewhere. No expert comes near it. */
const PLACE_MAX_BYTES = 1 << 30;

const NO_PREFIX = new Uint8Array(PLACE_PREFIX_BYTES);

export class LayerFile {
  readonly #handle: SyncHandle;
  #knownPlaceBytes = 0;

  constructor(handle: SyncHandle) {
    this.#handle = handle;
  }

  /** Whether a record of this size has a place here. An empty file takes its first record's size. */
  fits(recordBytes: number): boolean {
    const neededBytes = PLACE_PREFIX_BYTES + recordBytes;
    return neededBytes <= (this.#placeBytes || PLACE_MAX_BYTES);
  }

  /** The record as a view into what `allocate` gave; undefined when there is none. */
  read(expert: number, allocate: (sizeBytes: number) => Uint8Array): Uint8Array | undefined {
    const placeBytes = this.#placeBytes;
    if (placeBytes === 0) return undefined;
    const place = allocate(placeBytes);
    const readBytes = this.#handle.read(place, { at: this.#offsetOf(expert) });
    return recordIn(place.subarray(0, readBytes));
  }

  /** Throws what the handle throws; the place is then empty, or as it was. */
  write(expert: number, record: Uint8Array): void {
    if (this.#placeBytes === 0) this.#writeHead(PLACE_PREFIX_BYTES + record.byteLength);
    const at = this.#offsetOf(expert);
    if (at < this.#handle.getSize()) this.#writeAll(NO_PREFIX, at);
    this.#writeAll(record, at + PLACE_PREFIX_BYTES);
    this.#writeAll(prefixOf(record.byteLength), at);
  }

  clear(expert: number): void {
    if (this.#has(expert)) this.#writeAll(NO_PREFIX, this.#offsetOf(expert));
  }

  /** Experts that have a record, sound or not, in ascending order. */
  experts(): number[] {
    if (this.#placeBytes === 0) return [];
    const placeCount = Math.ceil((this.#handle.getSize() - FILE_HEAD_BYTES) / this.#placeBytes);
    return Array.from({ length: Math.max(0, placeCount) }, (_, expert) => expert).filter((expert) => this.#has(expert));
  }

  close(): void {
    this.#handle.flush();
    this.#handle.close();
  }

  /** 0: the file has no sound head. Another tab may write one at any time, the same that this one would. */
  get #placeBytes(): number {
    if (this.#knownPlaceBytes === 0) {
      const head = new Uint8Array(PLACE_PREFIX_BYTES);
      if (this.#handle.read(head, { at: 0 }) === head.byteLength) this.#knownPlaceBytes = placeBytesOf(head);
    }
    return this.#knownPlaceBytes;
  }

  #has(expert: number): boolean {
    if (this.#placeBytes === 0) return false;
    const prefix = new Uint8Array(PLACE_PREFIX_BYTES);
    const at = this.#offsetOf(expert);
    const readBytes = this.#handle.read(prefix, { at });
    const recordBytes = readBytes === prefix.byteLength ? recordBytesOf(prefix) : undefined;
    return recordBytes !== undefined && at + PLACE_PREFIX_BYTES + recordBytes <= this.#handle.getSize();
  }

  #writeHead(neededBytes: number): void {
    const placeBytes = Math.ceil(neededBytes / PLACE_ALIGNMENT_BYTES) * PLACE_ALIGNMENT_BYTES;
    this.#writeAll(headOf(placeBytes), 0);
    this.#knownPlaceBytes = placeBytes;
  }

  /**
   * Writing less than all without an exception is how some systems say that the disk is full. Chromium 156 in a private window says that it wrote all and leaves
   * the file as long as the quota lets it be, hence the look at the size; delete that when tests/browser/storage-fault.test.ts passes without.
   */
  #writeAll(bytes: Uint8Array, at: number): void {
    if (bytes.byteLength === 0) return;
    const written = this.#handle.write(bytes, { at });
    if (written < bytes.byteLength || this.#handle.getSize() < at + bytes.byteLength) {
      throw new DOMException('The disk took only a part of a record.', 'QuotaExceededError');
    }
  }

  #offsetOf(expert: number): number {
    return placeOffset(expert, this.#placeBytes);
  }
}

export function placeOffset(expert: number, placeBytes: number): number {
  return FILE_HEAD_BYTES + expert * placeBytes;
}

/** From a file's first 16 bytes; 0 when they are not the head of a layer file. */
export function placeBytesOf(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0, true) !== FILE_MAGIC || view.getUint32(4, true) !== FILE_VERSION) return 0;
  const placeBytes = view.getUint32(8, true);
  const isSound = view.getUint32(12, true) === xxHash32(head.subarray(0, 12)) && placeBytes % PLACE_ALIGNMENT_BYTES === 0;
  return isSound ? placeBytes : 0;
}

/** The record in the bytes of a place, as many as the file has of it. */
export function recordIn(place: Uint8Array): Uint8Array | undefined {
  const recordBytes = place.byteLength < PLACE_PREFIX_BYTES ? undefined : recordBytesOf(place);
  if (recordBytes === undefined || PLACE_PREFIX_BYTES + recordBytes > place.byteLength) return undefined;
  return place.subarray(PLACE_PREFIX_BYTES, PLACE_PREFIX_BYTES + recordBytes);
}

/** What the prefix of a place promises; undefined when the place is empty. */
export function recordBytesOf(prefix: Uint8Array): number | undefined {
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const recordBytes = view.getUint32(4, true);
  return view.getUint32(0, true) === PLACE_MAGIC && view.getUint32(8, true) === ~recordBytes >>> 0 ? recordBytes : undefined;
}

function prefixOf(recordBytes: number): Uint8Array {
  const prefix = new Uint8Array(PLACE_PREFIX_BYTES);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, PLACE_MAGIC, true);
  view.setUint32(4, recordBytes, true);
  view.setUint32(8, ~recordBytes, true);
  return prefix;
}

function headOf(placeBytes: number): Uint8Array {
  const head = new Uint8Array(FILE_HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, FILE_MAGIC, true);
  view.setUint32(4, FILE_VERSION, true);
  view.setUint32(8, placeBytes, true);
  view.setUint32(12, xxHash32(head.subarray(0, 12)), true);
  return head;
}
