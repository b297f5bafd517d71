// A packed matrix on the CPU. Layout: src/core/packed-weights.ts; what a block of each codec means: src/core/block-readers.ts.

import { defined } from './assert';
import { BLOCK_READERS, type PackedViews } from './block-readers';
import { BLOCK_SIZE, CODEC_NAMES, type CodecName, CODEC_IDS, blocksPerRow, regionOffsets } from './packed-weights';

const CODEC_BY_ID: ReadonlyMap<number, CodecName> = new Map(CODEC_NAMES.map((name) => [CODEC_IDS[name], name]));

export class PackedMatrixReader {
  readonly #views: PackedViews;
  readonly #read: (typeof BLOCK_READERS)[CodecName];
  /** Bytes. */
  readonly #regions: readonly number[];
  readonly #blockCount: number;
  readonly #block = new Float32Array(BLOCK_SIZE);

  /** `base` in 16-byte words, as in kernel params; `codecId` as in override constants. */
  constructor(weights: Uint8Array, codecId: number, base: number, rowCount: number, columnCount: number) {
    const codec = defined(CODEC_BY_ID.get(codecId), `codec ${codecId}`);
    this.#views = viewsOf(weights);
    this.#read = BLOCK_READERS[codec];
    this.#blockCount = blocksPerRow(columnCount);
    this.#regions = regionOffsets({ codec, rowCount, columnCount }).map((offset) => base * 16 + offset);
  }

  readBlock(row: number, block: number, out: Float32Array): void {
    this.#read(this.#views, this.#regions, row * this.#blockCount + block, out);
  }

  /** dot(W[row, :], x[offset …]); x is padded with zeros to whole blocks. */
  dotRow(row: number, x: Float32Array, offset: number): number {
    const block = this.#block;
    const first = row * this.#blockCount;
    const size = block.length;
    // Four sums at once: none waits for the one before it.
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    for (let b = 0; b < this.#blockCount; b++) {
      this.#read(this.#views, this.#regions, first + b, block);
      const start = offset + b * size;
      for (let i = 0; i < size; i += 4) {
        sum0 += block[i]! * x[start + i]!;
        sum1 += block[i + 1]! * x[start + i + 1]!;
        sum2 += block[i + 2]! * x[start + i + 2]!;
        sum3 += block[i + 3]! * x[start + i + 3]!;
      }
    }
    return sum0 + sum1 + (sum2 + sum3);
  }
}

/** A bias vector of f32 that begins at 16-byte word `base`. */
export function packedVector(weights: Uint8Array, base: number, length: number): Float32Array {
  return new Float32Array(weights.buffer, weights.byteOffset + base * 16, length);
}

/** Views of whole words; bytes that do not start on one are copied. */
function viewsOf(weights: Uint8Array): PackedViews {
  const bytes = weights.byteOffset % 4 === 0 ? weights : weights.slice();
  const { buffer, byteOffset, byteLength } = bytes;
  return {
    bytes,
    signed: new Int8Array(buffer, byteOffset, byteLength),
    shorts: new Uint16Array(buffer, byteOffset, byteLength >> 1),
    floats: new Float32Array(buffer, byteOffset, byteLength >> 2),
  };
}

/** Matrices stacked by rows, as mat-vec and mat-mul bind them. */
export class StackedMatrices {
  readonly #ends: readonly number[];
  readonly #readers: readonly PackedMatrixReader[];

  constructor(weights: Uint8Array, params: Readonly<Record<string, number>>, constants: Readonly<Record<string, number>>) {
    const columnCount = params['column_count']!;
    this.#ends = [params['row_end_0']!, params['row_end_1']!, params['row_count']!];
    const starts = [0, this.#ends[0]!, this.#ends[1]!];
    this.#readers = starts.map(
      (start, i) => new PackedMatrixReader(weights, constants[`CODEC_${i}`]!, params[`base_${i}`]!, this.#ends[i]! - start, columnCount),
    );
  }

  dotRow(row: number, x: Float32Array, offset: number): number {
    const index = row < this.#ends[0]! ? 0 : row < this.#ends[1]! ? 1 : 2;
    return this.#readers[index]!.dotRow(row - (index === 0 ? 0 : this.#ends[index - 1]!), x, offset);
  }
}
