// Writes small GGUF files in memory, well-formed ones and, through the raw parts, broken ones.

import { roundUp } from '../../src/core/units';

export const VALUE_TYPES = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;
type ScalarType = Exclude<keyof typeof VALUE_TYPES, 'array'>;

export type WriterValue =
  | { readonly type: ScalarType; readonly value: number | bigint | boolean | string }
  | { readonly type: 'array'; readonly itemType: keyof typeof VALUE_TYPES; readonly items: ReadonlyArray<number | bigint | boolean | string | WriterValue> };

export interface WriterTensor {
  readonly name: string;
  /** Fastest first. */
  readonly dimensions: ReadonlyArray<number | bigint>;
  /** ggml type number. */
  readonly type: number;
  readonly data: Uint8Array;
  /** Instead of where the data is put, from the start of the data. */
  readonly offset?: number | bigint;
}

export interface WriterFile {
  readonly metadata: ReadonlyArray<readonly [key: string, value: WriterValue]>;
  readonly tensors: readonly WriterTensor[];
  readonly version?: number;
  readonly alignment?: number;
  /** Instead of the true counts. */
  readonly tensorCount?: number | bigint;
  readonly metadataCount?: number | bigint;
}

export const u32 = (value: number): WriterValue => ({ type: 'uint32', value });
export const f32 = (value: number): WriterValue => ({ type: 'float32', value });
export const text = (value: string): WriterValue => ({ type: 'string', value });
export const flag = (value: boolean): WriterValue => ({ type: 'bool', value });
export const texts = (items: readonly string[]): WriterValue => ({ type: 'array', itemType: 'string', items });
export const i32s = (items: readonly number[]): WriterValue => ({ type: 'array', itemType: 'int32', items });

/** `general.alignment` is not added: put it into the metadata when it is not 32. */
export function writeGguf(file: WriterFile): Uint8Array {
  const alignment = file.alignment ?? 32;
  const header = new ByteWriter();
  header.bytes(new TextEncoder().encode('GGUF'));
  header.number('uint32', file.version ?? 3);
  header.number('uint64', file.tensorCount ?? file.tensors.length);
  header.number('uint64', file.metadataCount ?? file.metadata.length);
  for (const [key, value] of file.metadata) {
    header.string(key);
    header.number('uint32', VALUE_TYPES[value.type]);
    header.value(value);
  }
  let offset = 0;
  const offsets = file.tensors.map((tensor) => {
    const at = offset;
    offset = roundUp(at + tensor.data.byteLength, alignment);
    return at;
  });
  file.tensors.forEach((tensor, index) => {
    header.string(tensor.name);
    header.number('uint32', tensor.dimensions.length);
    for (const dimension of tensor.dimensions) header.number('uint64', dimension);
    header.number('uint32', tensor.type);
    header.number('uint64', tensor.offset ?? offsets[index] ?? 0);
  });
  const head = header.finish();
  const dataStart = roundUp(head.byteLength, alignment);
  const last = file.tensors.length - 1;
  const whole = new Uint8Array(dataStart + (last < 0 ? 0 : (offsets[last] ?? 0) + (file.tensors[last]?.data.byteLength ?? 0)));
  whole.set(head);
  file.tensors.forEach((tensor, index) => whole.set(tensor.data, dataStart + (offsets[index] ?? 0)));
  return whole;
}

class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.number('uint64', bytes.byteLength);
    this.bytes(bytes);
  }

  value(value: WriterValue): void {
    if (value.type !== 'array') {
      this.scalar(value.type, value.value);
      return;
    }
    this.number('uint32', VALUE_TYPES[value.itemType]);
    this.number('uint64', value.items.length);
    for (const item of value.items) {
      if (typeof item === 'object') this.value(item);
      else this.scalar(value.itemType as ScalarType, item);
    }
  }

  scalar(type: ScalarType, value: number | bigint | boolean | string): void {
    if (type === 'string') this.string(String(value));
    else if (type === 'bool') this.number('uint8', Number(value));
    else this.number(type, value as number | bigint);
  }

  number(type: Exclude<ScalarType, 'string' | 'bool'>, value: number | bigint): void {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    const size = WRITERS[type](view, value);
    this.bytes(bytes.subarray(0, size));
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.byteLength, 0));
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.byteLength;
    }
    return whole;
  }
}

/** Each writes at 0 and gives the size. */
const WRITERS: Readonly<Record<Exclude<ScalarType, 'string' | 'bool'>, (view: DataView, value: number | bigint) => number>> = {
  uint8: (view, value) => (view.setUint8(0, Number(value)), 1),
  int8: (view, value) => (view.setInt8(0, Number(value)), 1),
  uint16: (view, value) => (view.setUint16(0, Number(value), true), 2),
  int16: (view, value) => (view.setInt16(0, Number(value), true), 2),
  uint32: (view, value) => (view.setUint32(0, Number(value), true), 4),
  int32: (view, value) => (view.setInt32(0, Number(value), true), 4),
  float32: (view, value) => (view.setFloat32(0, Number(value), true), 4),
  uint64: (view, value) => (view.setBigUint64(0, BigInt(value), true), 8),
  int64: (view, value) => (view.setBigInt64(0, BigInt(value), true), 8),
  float64: (view, value) => (view.setFloat64(0, Number(value), true), 8),
};
