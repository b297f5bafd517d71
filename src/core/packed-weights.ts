// How weights lie in GPU memory (and in expert records), and how one block of them is read.
//
// A matrix [rowCount, columnCount] is repacked once, when it is imported, so that every kernel reads aligned 16-byte words:
//   region 1, quants: for each row, for each block of 32 columns, QUANT_BYTES[codec] bytes (a multiple of 16)
//   region 2, scales: for each row, for each block, one f16 (codecs without scales have no region 2)
// Rows whose length is not a multiple of 32 are padded with zero weights. Each region is padded to 16 bytes.
// `shaders/lib/weights.wgsl` and `shaders/codecs/*.wgsl` read the same layout; tests hold the two against each other.

import { divideCeil, roundUp } from './units';

/** Weights in one block: the unit in which every codec is read. */
export const BLOCK_SIZE = 32;

/** Names as GGUF writes them, lower case. The number is the value of the CODEC override constants in WGSL. */
export const CODEC_IDS = { f32: 0, f16: 1, bf16: 2, q8_0: 3, q4_0: 4 } as const;
export type CodecName = keyof typeof CODEC_IDS;
export const CODEC_NAMES = Object.keys(CODEC_IDS) as CodecName[];

interface PackedCodec {
  /** Bytes of one block in the quants region. */
  readonly quantBytes: number;
  /** Bytes of one block in the scales region. */
  readonly scaleBytes: number;
}

export const PACKED_CODECS: Readonly<Record<CodecName, PackedCodec>> = {
  f32: { quantBytes: 128, scaleBytes: 0 },
  f16: { quantBytes: 64, scaleBytes: 0 },
  bf16: { quantBytes: 64, scaleBytes: 0 },
  q8_0: { quantBytes: 32, scaleBytes: 2 },
  q4_0: { quantBytes: 16, scaleBytes: 2 },
};

export interface MatrixShape {
  readonly codec: CodecName;
  readonly rowCount: number;
  readonly columnCount: number;
}

/** A matrix at a place in a weight buffer. */
export interface PackedMatrix extends MatrixShape {
  /** Where region 1 starts, in bytes from the start of the buffer or record; a multiple of 16. */
  readonly offsetBytes: number;
}

export function blocksPerRow(columnCount: number): number {
  return divideCeil(columnCount, BLOCK_SIZE);
}

export function quantRegionBytes(shape: MatrixShape): number {
  return shape.rowCount * blocksPerRow(shape.columnCount) * PACKED_CODECS[shape.codec].quantBytes;
}

export function packedMatrixBytes(shape: MatrixShape): number {
  const scaleRegionBytes = shape.rowCount * blocksPerRow(shape.columnCount) * PACKED_CODECS[shape.codec].scaleBytes;
  return quantRegionBytes(shape) + roundUp(scaleRegionBytes, 16);
}

/** Lays matrices one after the other and gives each its place. */
export function layOutMatrices<Key extends string>(
  shapes: ReadonlyArray<readonly [Key, MatrixShape]>,
): { readonly matrices: Record<Key, PackedMatrix>; readonly sizeBytes: number } {
  const matrices = {} as Record<Key, PackedMatrix>;
  let offsetBytes = 0;
  for (const [key, shape] of shapes) {
    matrices[key] = { ...shape, offsetBytes };
    offsetBytes += packedMatrixBytes(shape);
  }
  return { matrices, sizeBytes: offsetBytes };
}
