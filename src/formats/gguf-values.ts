// The values of a GGUF's key-value part. While the header is read they are only walked through and checked; they stay bytes, and become values each time they
// are asked for: a vocabulary as a list of strings takes several times the memory of its bytes.

import { KiB, MiB } from '../core/units';
import type { GgufArray, GgufValue, GgufValues, NumberList } from './gguf-metadata';
import type { HeaderBytes } from './header-bytes';
import { HeaderCursor, corrupt, type HeaderLimits } from './header-cursor';

// Limits, far above any real file.
const MAX_KEY_BYTES = 64 * KiB - 1; // of the specification
const MAX_STRING_BYTES = 16 * MiB;
const MAX_LIST_ITEMS = 4 * MiB; // the largest vocabularies have 256 Ki tokens, and twice as many merges
const MAX_ARRAY_NESTING = 4;
const LEAST_ARRAY_BYTES = 4 + 8;
/** Of one entry, at the most: the place of its value, its share of the map, the head of its key. */
const KEY_MEMORY_BYTES = 256;

const STRING_TYPE = 8;
const ARRAY_TYPE = 9;
const BOOLEAN_TYPE = 7;

interface ScalarType {
  /** Of strings: the least. */
  readonly sizeBytes: number;
  readonly read: (cursor: HeaderCursor, field: string) => Exclude<GgufValue, GgufArray>;
  /** What holds many of them in no more bytes than the file; 64-bit integers become doubles. Undefined: not a number. */
  readonly list?: new (length: number) => NumberList & { [index: number]: number };
}

const SCALARS: ReadonlyMap<number, ScalarType> = new Map<number, ScalarType>([
  [0, { sizeBytes: 1, read: (cursor, field) => cursor.uint8(field), list: Uint8Array }],
  [1, { sizeBytes: 1, read: (cursor, field) => cursor.int8(field), list: Int8Array }],
  [2, { sizeBytes: 2, read: (cursor, field) => cursor.uint16(field), list: Uint16Array }],
  [3, { sizeBytes: 2, read: (cursor, field) => cursor.int16(field), list: Int16Array }],
  [4, { sizeBytes: 4, read: (cursor, field) => cursor.uint32(field), list: Uint32Array }],
  [5, { sizeBytes: 4, read: (cursor, field) => cursor.int32(field), list: Int32Array }],
  [6, { sizeBytes: 4, read: (cursor, field) => cursor.float32(field), list: Float32Array }],
  [BOOLEAN_TYPE, { sizeBytes: 1, read: readBoolean }],
  [STRING_TYPE, { sizeBytes: 8, read: (cursor, field) => cursor.string(field, MAX_STRING_BYTES, 'lenient') }],
  [10, { sizeBytes: 8, read: (cursor, field) => exactNumber(cursor.uint64(field)), list: Float64Array }],
  [11, { sizeBytes: 8, read: (cursor, field) => exactNumber(cursor.int64(field)), list: Float64Array }],
  [12, { sizeBytes: 8, read: (cursor, field) => cursor.float64(field), list: Float64Array }],
]);

interface Place {
  readonly type: number;
  readonly offset: number;
}

/** Reads the keys and finds where their values are. */
export function readMetadata(cursor: HeaderCursor, keyCount: number, header: HeaderBytes, limits: HeaderLimits): StoredValues {
  const places = new Map<string, Place>();
  for (let index = 0; index < keyCount; index++) {
    const key = cursor.string(`metadata key ${index}`, MAX_KEY_BYTES, 'strict');
    const field = fieldOf(key);
    cursor.spendMemory(KEY_MEMORY_BYTES + 2 * key.length, field);
    if (places.has(key)) throw corrupt(`${field} is there twice`);
    const type = cursor.uint32(`the type of ${field}`);
    places.set(key, { type, offset: cursor.offset });
    checkValue(cursor, type, field, 0);
  }
  return new StoredValues(places, header, limits);
}

export class StoredValues implements GgufValues {
  readonly #places: ReadonlyMap<string, Place>;
  readonly #header: HeaderBytes;
  readonly #limits: HeaderLimits;

  constructor(places: ReadonlyMap<string, Place>, header: HeaderBytes, limits: HeaderLimits) {
    this.#places = places;
    this.#header = header;
    this.#limits = limits;
  }

  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** Where the bytes of a value start. */
  offsetOf(key: string): number | undefined {
    return this.#places.get(key)?.offset;
  }

  keys(): Iterable<string> {
    return this.#places.keys();
  }

  get(key: string): GgufValue | undefined {
    const place = this.#places.get(key);
    return place && readValue(this.#at(place), place.type, fieldOf(key));
  }

  numbers(key: string): NumberList | undefined {
    const place = this.#places.get(key);
    if (place?.type !== ARRAY_TYPE) return undefined;
    const field = fieldOf(key);
    const cursor = this.#at(place);
    const { itemType, count } = readArrayHead(cursor, field);
    const scalar = SCALARS.get(itemType);
    if (!scalar?.list) return undefined;
    const items = new scalar.list(count);
    for (let index = 0; index < count; index++) {
      const item = scalar.read(cursor, field);
      if (typeof item !== 'number') return undefined; // an integer that no double holds
      items[index] = item;
    }
    return items;
  }

  #at({ offset }: Place): HeaderCursor {
    return new HeaderCursor(this.#header, this.#limits, offset);
  }
}

function fieldOf(key: string): string {
  return `the metadata key "${key}"`;
}

/** Moves past a value. All that can be wrong with it is found here. */
function checkValue(cursor: HeaderCursor, type: number, field: string, nesting: number): void {
  if (type !== ARRAY_TYPE) return checkScalars(cursor, type, 1, field);
  if (nesting >= MAX_ARRAY_NESTING) throw corrupt(`${field} has lists nested deeper than ${MAX_ARRAY_NESTING}`);
  const { itemType, count } = readArrayHead(cursor, field);
  if (itemType !== ARRAY_TYPE) return checkScalars(cursor, itemType, count, field);
  for (let index = 0; index < count; index++) checkValue(cursor, ARRAY_TYPE, field, nesting + 1);
}

function checkScalars(cursor: HeaderCursor, type: number, count: number, field: string): void {
  if (type === STRING_TYPE) for (let index = 0; index < count; index++) cursor.skipString(field, MAX_STRING_BYTES);
  else if (type === BOOLEAN_TYPE) for (let index = 0; index < count; index++) readBoolean(cursor, field);
  else cursor.skip(count * scalarOf(type, field).sizeBytes, field);
}

/** The length is one that fits in the file, and not beyond reason. */
function readArrayHead(cursor: HeaderCursor, field: string): { itemType: number; count: number } {
  const itemType = cursor.uint32(`the item type of ${field}`);
  const count = cursor.count(`the length of ${field}`, Number.MAX_SAFE_INTEGER / 8);
  cursor.expectRoom(count * (itemType === ARRAY_TYPE ? LEAST_ARRAY_BYTES : scalarOf(itemType, field).sizeBytes), field);
  if (count > MAX_LIST_ITEMS) throw corrupt(`${field} is a list of ${count}; at most ${MAX_LIST_ITEMS} is possible`);
  return { itemType, count };
}

function readValue(cursor: HeaderCursor, type: number, field: string): GgufValue {
  if (type !== ARRAY_TYPE) return scalarOf(type, field).read(cursor, field);
  const { itemType, count } = readArrayHead(cursor, field);
  const items: GgufValue[] = [];
  for (let index = 0; index < count; index++) items.push(readValue(cursor, itemType, field));
  return items as unknown as GgufArray; // all items are of one type
}

function scalarOf(type: number, field: string): ScalarType {
  const scalar = SCALARS.get(type);
  if (!scalar) throw corrupt(`${field} has the unknown value type ${type}`);
  return scalar;
}

function readBoolean(cursor: HeaderCursor, field: string): boolean {
  const value = cursor.uint8(field);
  if (value > 1) throw corrupt(`${field} is a boolean with the value ${value}`);
  return value === 1;
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
