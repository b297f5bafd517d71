import { expect } from 'vitest';
import { ACTIVATION_IDS, type ActivationName } from '../../src/core/activation';
import { activate } from '../../src/kernels/activate';
import { poison, randomFloats, testKernel } from '../support/kernel-harness';
import { paddedLength } from '../support/test-routes';
import { ROUNDOFF, type Tolerance, siluError } from '../support/tolerance';

interface Shape {
  readonly activation: ActivationName;
  readonly tokenCount: number;
  readonly rowCount: number;
  /** Gates and ups are in [-size, size). */
  readonly size: number;
  readonly hasGate?: boolean;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  // So far from zero that exp would overflow.
  { activation: 'silu', tokenCount: 3, rowCount: 37, size: 100 },
  { activation: 'silu', tokenCount: 17, rowCount: 160, size: 5, hasGate: true },
  { activation: 'relu', tokenCount: 2, rowCount: 70, size: 3, constants: { WG_SIZE: 32 } },
  // Well beyond the limits of 7 on either side.
  { activation: 'clamped-swiglu', tokenCount: 3, rowCount: 65, size: 20 },
];

for (const { activation, tokenCount, rowCount, size, hasGate = false, constants = {} } of SHAPES) {
  const columnCount = 2 * rowCount + (hasGate ? 1 : 0);
  const inputStride = paddedLength(columnCount);
  const outputStride = paddedLength(rowCount);
  let input = new Float32Array();
  testKernel(
    activate,
    { ACTIVATION: ACTIVATION_IDS[activation], HAS_GATE: hasGate ? 1 : 0, ...constants },
    `${activation} of ${tokenCount} tokens of ${rowCount} rows, inputs to ${size}`,
    (random) => {
      input = randomFloats(random, tokenCount * inputStride, -size, size);
      return {
        control: { tokenCount },
        params: { row_count: rowCount, input_stride: inputStride, output_stride: outputStride },
        buffers: {
          input,
          output: { data: poison(tokenCount * outputStride), tolerance: toleranceOf(size, hasGate), shape: [tokenCount, outputStride] },
        },
      };
    },
    ({ gpu }) => {
      if (activation === 'silu') return;
      for (let t = 0; t < tokenCount; t++) {
        for (let r = 0; r < rowCount; r++) {
          const gate = input[t * inputStride + r]!;
          const up = input[t * inputStride + rowCount + r]!;
          const found = gpu.f32('output')[t * outputStride + r]!;
          if (activation === 'relu') expect(found).toBeCloseTo(gate > 0 ? gate * up : 0, 5);
          // 7 · sigmoid(1.702 · 7) · (7 + 1), and with the lower limit of the up part (-7 + 1).
          else if (gate >= 7 && Math.abs(up) >= 7) expect(found).toBeCloseTo(up > 0 ? 55.99962 : -41.99972, 4);
        }
      }
    },
  );
}

/**
 * An exponential of up to 1.702 · size, whose exponent is off by two roundings, then at most four products; the same once more for the share. Below -80 the
 * exponent is held, where a result is at most size² · e^-80.
 */
function toleranceOf(size: number, hasGate: boolean): Tolerance {
  const limit = 1.702 * size;
  const sigmoidError = siluError(limit) + 2 * limit * ROUNDOFF;
  const rel = (hasGate ? 2 : 1) * sigmoidError + 5 * ROUNDOFF;
  return { abs: size ** 2 * Math.exp(-80), rel, nmse: rel ** 2 };
}
