// Reads packed weights on the CPU: the meaning of shaders/codecs/*.wgsl. Layout: src/core/packed-weights.ts.

import { defined } from './assert';
import { decodeBfloat16, halfTable } from './half';
import { BLOCK_SIZE, CODEC_IDS, type CodecName, PACKED_CODECS, blocksPerRow } from './packed-weights';

/** Puts the 32 weights of a block into `out`. `at`: byte of the block's quants; `scaleAt`: byte of its scale. */
type BlockReader = (view: DataView, at: number, scaleAt: number, out: Float32Array) => void;

const READERS: Readonly<Record<CodecName, BlockReader>> = {
  f32: (view, at, _scaleAt, out) => {
    for (let i = 0; i < BLOCK_SIZE; i++) out[i] = view.getFloat32(at + i * 4, true);
  },
  f16: (view, at, _scaleAt, out) => {
    const halves = halfTable();
    for (let i = 0; i < BLOCK_SIZE; i++) out[i] = halves[view.getUint16(at + i * 2, true)]!;
  },
  bf16: (view, at, _scaleAt, out) => {
    for (let i = 0; i < BLOCK_SIZE; i++) out[i] = decodeBfloat16(view.getUint16(at + i * 2, true));
  },
  q8_0: (view, at, scaleAt, out) => {
    const scale = halfTable()[view.getUint16(scaleAt, true)]!;
    for (let i = 0; i < BLOCK_SIZE; i++) out[i] = scale * view.getInt8(at + i);
  },
  q4_0: (view, at, scaleAt, out) => {
    const scale = halfTable()[view.getUint16(scaleAt, true)]!;
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + i);
      out[i] = scale * ((byte & 15) - 8);
      out[i + 16] = scale * ((byte >> 4) - 8);
    }
  },
};

const CODEC_BY_ID = Object.fromEntries(Object.entries(CODEC_IDS).map(([name, id]) => [id, name])) as Record<number, CodecName>;

/** A packed matrix on the CPU. */
export class PackedMatrixReader {
  readonly #view: DataView;
  readonly #read: BlockReader;
  readonly #base: number;
  readonly #scaleBase: number;
  readonly #blockCount: number;
  readonly #quantBytes: number;
  readonly #scaleBytes: number;
  readonly #block = new Float32Array(BLOCK_SIZE);

  /** `base` in 16-byte words, as in kernel params; `codecId` as in override constants. */
  constructor(weights: Uint8Array, codecId: number, base: number, rowCount: number, columnCount: number) {
    const codec = defined(CODEC_BY_ID[codecId], `codec ${codecId}`);
    this.#view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
    this.#read = READERS[codec];
    this.#base = base * 16;
    this.#blockCount = blocksPerRow(columnCount);
    this.#quantBytes = PACKED_CODECS[codec].quantBytes;
    this.#scaleBytes = PACKED_CODECS[codec].scaleBytes;
    this.#scaleBase = this.#base + rowCount * this.#blockCount * this.#quantBytes;
  }

  readBlock(row: number, block: number, out: Float32Array): void {
    const index = row * this.#blockCount + block;
    this.#read(this.#view, this.#base + index * this.#quantBytes, this.#scaleBase + index * this.#scaleBytes, out);
  }

  /** dot(W[row, :], x[offset …]); x is padded with zeros to whole blocks. */
  dotRow(row: number, x: Float32Array, offset: number): number {
    const block = this.#block;
    let sum = 0;
    for (let b = 0; b < this.#blockCount; b++) {
      this.readBlock(row, b, block);
      const start = offset + b * BLOCK_SIZE;
      for (let i = 0; i < BLOCK_SIZE; i++) sum += block[i]! * x[start + i]!;
    }
    return sum;
  }
}

/** A bias vector of f32 that begins at 16-byte word `base`. */
export function packedVector(weights: Uint8Array, base: number, length: number): Float32Array {
  return new Float32Array(weights.buffer, weights.byteOffset + base * 16, length);
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
