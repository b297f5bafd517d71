// Three random matrices stacked by rows, as mat-vec and mat-mul take them.

import { assert, defined } from '../../src/core/assert';
import { BLOCK_SIZE, CODEC_IDS, CODEC_NAMES, type CodecName, columnMultiple } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { packRandomMatrices } from './pack-matrix';
import { ROUNDOFF, type Tolerance, sumTolerance } from './tolerance';

/** A matrix of the stack. */
export type StackPart = readonly [codec: CodecName, rowCount: number];

/** The codecs of a stack by its first: few enough variants to compile in a test, and every codec in first, second or third place. */
const STACKS = {
  f32: ['f32', 'f16', 'bf16'],
  f16: ['f16', 'q8_0', 'q4_0'],
  bf16: ['bf16', 'f32', 'q4_0'],
  q8_0: ['q8_0', 'q4_0', 'f32'],
  q4_0: ['q4_0', 'q8_0', 'f16'],
  q4_1: ['q4_1', 'q5_0', 'q5_1'],
  mxfp4: ['mxfp4', 'iq4_nl', 'q8_0'],
  q2_k: ['q2_k', 'q3_k', 'q4_k'],
  q6_k: ['q6_k', 'q5_k', 'f32'],
  iq4_xs: ['iq4_xs', 'tq1_0', 'tq2_0'],
} as const satisfies Partial<Record<CodecName, readonly [CodecName, CodecName, CodecName]>>;

type FirstCodec = keyof typeof STACKS;
const isFirst = (codec: CodecName): codec is FirstCodec => codec in STACKS;
export const FIRST_CODECS = CODEC_NAMES.filter(isFirst);

/** Up to three matrices of the codecs that go with the first. */
export function stackOf(codec: FirstCodec, ...rowCounts: readonly number[]): StackPart[] {
  return rowCounts.map((rowCount, i) => [defined(STACKS[codec][i]), rowCount]);
}

/** At least `columnCount`, and whole units of every codec in the stack. */
export function columnsOf(codec: FirstCodec, columnCount: number): number {
  return Math.max(...STACKS[codec].map((name) => (columnMultiple(name) > BLOCK_SIZE ? roundUp(columnCount, columnMultiple(name)) : columnCount)));
}

export function stackConstants(parts: readonly StackPart[]): Record<string, number> {
  const first = defined(parts[0])[0];
  assert(isFirst(first), `no stack begins with ${first}`);
  const codecs = STACKS[first];
  return Object.fromEntries(codecs.map((codec, i) => [`CODEC_${i}`, CODEC_IDS[codec]]));
}

export function describeStack(parts: readonly StackPart[]): string {
  return parts.map(([codec, rowCount]) => `${rowCount} rows ${codec}`).join(', ');
}

export function stackMatrices(
  random: Random,
  parts: readonly StackPart[],
  columnCount: number,
): { readonly weights: Uint8Array; readonly params: Record<string, number> } {
  const { data, bases } = packRandomMatrices(
    random,
    parts.map(([codec, rowCount]) => ({ codec, rowCount, columnCount })),
  );
  const rows = [0, 1, 2].map((i) => parts[i]?.[1] ?? 0);
  const params = {
    row_end_0: rows[0]!,
    row_end_1: rows[0]! + rows[1]!,
    row_count: rows[0]! + rows[1]! + rows[2]!,
    base_0: bases[0]!,
    base_1: bases[1] ?? 0,
    base_2: bases[2] ?? 0,
    column_count: columnCount,
  };
  return { weights: data, params };
}

/**
 * dot(W[r, :], x) of numbers in [-1, 1) whose products pass at most `depth` roundings: Σ|w·x| is n/4 on average and below n/2. A residual is one more rounding, of
 * the result.
 */
export function productTolerance(columnCount: number, depth: number): Tolerance {
  const tolerance = sumTolerance(depth + 1, columnCount / 2);
  return { ...tolerance, rel: tolerance.rel * 2 };
}

/**
 * A product to which a bias is added and which is then scaled: one rounding each, of a number that is off from the result by no more than the residual, which is
 * below 1.
 */
export function scaledTolerance({ abs, rel, nmse }: Tolerance, scale: number): Tolerance {
  return { abs: abs * scale + 2 * ROUNDOFF, rel: rel + 2 * ROUNDOFF, nmse: nmse + (2 * ROUNDOFF) ** 2 };
}
