// The block formats that tensors are stored in: ggml's type numbers with the size of a block, as listed in gguf-py's GGML_QUANT_SIZES and ggml-common.h.
// Complete enough to know where every tensor of a common file ends; having a row here does not mean that there is a decoder.

export interface GgmlType {
  readonly id: number;
  /** As GGUF tools write it, lower case. */
  readonly name: string;
  /** Weights in one block. */
  readonly blockSize: number;
  readonly blockBytes: number;
}

// id, name, weights per block, bytes per block. Numbers that are not here were removed from ggml (4, 5, 31–33, 36–38) or are newer than this table.
const ROWS: ReadonlyArray<readonly [id: number, name: string, blockSize: number, blockBytes: number]> = [
  [0, 'f32', 1, 4],
  [1, 'f16', 1, 2],
  [2, 'q4_0', 32, 18],
  [3, 'q4_1', 32, 20],
  [6, 'q5_0', 32, 22],
  [7, 'q5_1', 32, 24],
  [8, 'q8_0', 32, 34],
  [9, 'q8_1', 32, 36],
  [10, 'q2_k', 256, 84],
  [11, 'q3_k', 256, 110],
  [12, 'q4_k', 256, 144],
  [13, 'q5_k', 256, 176],
  [14, 'q6_k', 256, 210],
  [15, 'q8_k', 256, 292],
  [16, 'iq2_xxs', 256, 66],
  [17, 'iq2_xs', 256, 74],
  [18, 'iq3_xxs', 256, 98],
  [19, 'iq1_s', 256, 50],
  [20, 'iq4_nl', 32, 18],
  [21, 'iq3_s', 256, 110],
  [22, 'iq2_s', 256, 82],
  [23, 'iq4_xs', 256, 136],
  [24, 'i8', 1, 1],
  [25, 'i16', 1, 2],
  [26, 'i32', 1, 4],
  [27, 'i64', 1, 8],
  [28, 'f64', 1, 8],
  [29, 'iq1_m', 256, 56],
  [30, 'bf16', 1, 2],
  [34, 'tq1_0', 256, 54],
  [35, 'tq2_0', 256, 66],
  [39, 'mxfp4', 32, 17],
  [40, 'nvfp4', 64, 36],
  [41, 'q1_0', 128, 18],
];

export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map(ROWS.map(([id, name, blockSize, blockBytes]) => [id, { id, name, blockSize, blockBytes }]));

const BY_NAME: ReadonlyMap<string, GgmlType> = new Map([...GGML_TYPES.values()].map((type) => [type.name, type]));

export function ggmlTypeNamed(name: string): GgmlType | undefined {
  return BY_NAME.get(name);
}
