// What a reference sees of one call. References are written to be read: plain loops, f32 storage, f64 accumulation.

export interface ReferenceCall {
  /** The control block; only kernels with `writesControl` change it. */
  readonly control: Uint32Array;
  readonly params: Readonly<Record<string, number>>;
  readonly constants: Readonly<Record<string, number>>;
  f32(binding: string): Float32Array;
  u32(binding: string): Uint32Array;
  bytes(binding: string): Uint8Array;
}

export type Reference = (call: ReferenceCall) => void;

const bitsOfFloat = new Float32Array(1);
const floatBits = new Uint32Array(bitsOfFloat.buffer);

export function floatToBits(value: number): number {
  bitsOfFloat[0] = value;
  return floatBits[0]!;
}

export function bitsToFloat(bits: number): number {
  floatBits[0] = bits;
  return bitsOfFloat[0]!;
}

/** sqrt(mean(x²) + eps), inverted: the scale of RMSNorm. `stride` floats are read; the padding is zero. */
export function inverseRms(values: Float32Array, offset: number, stride: number, columnCount: number, epsilon: number): number {
  let squares = 0;
  for (let c = 0; c < stride; c++) squares += values[offset + c]! ** 2;
  return 1 / Math.sqrt(squares / columnCount + epsilon);
}
