// How far an f32 kernel may be from its f64 reference, derived from the arithmetic and never tuned to pass.
//
// WGSL rounds additions and multiplications correctly, so each has a relative error of at most u = 2^-24 (WGSL §15.7.4, "accuracy of expressions"). It grants
// division 2.5 ULP, inverseSqrt 2 ULP, exp 3 + 2|x| ULP and log 2^-21 absolute in [0.5, 2], 3 ULP elsewhere; one ULP is at most 2u.

import { blocksPerRow } from '../../src/core/packed-weights';

export interface Tolerance {
  /** Largest |gpu - cpu| of an element is abs + rel · |cpu|. */
  readonly abs: number;
  readonly rel: number;
  /** Largest Σ (gpu - cpu)² / Σ cpu² of the tensor. */
  readonly nmse: number;
}

/** Half an ULP of 1 in f32: the relative error of one rounding. */
export const ROUNDOFF = 2 ** -24;

/** For kernels that copy, or move integers. */
export const EXACT: Tolerance = { abs: 0, rel: 0, nmse: 0 };

/** Every element within `rel`; the NMSE cannot then exceed its square. */
export function relativeTolerance(rel: number): Tolerance {
  return { abs: 0, rel, nmse: rel ** 2 };
}

/**
 * A sum of products whose absolute values add up to at most `magnitude`, when each product passes at most `depth` roundings on its way to the result: the
 * error is at most depth · u · magnitude (Higham, Accuracy and Stability of Numerical Algorithms, §4.2). The reference's own rounding to f32 is `rel`. Over a
 * whole tensor the roundings are independent, each relative to a partial sum no larger than the results are on average, so the NMSE is about depth · u²;
 * 16 times that still tells a wrong weight, which changes a sum of n products by more than 1/n.
 */
export function sumTolerance(depth: number, magnitude: number): Tolerance {
  return { abs: depth * ROUNDOFF * magnitude, rel: ROUNDOFF, nmse: 16 * depth * ROUNDOFF ** 2 };
}

/**
 * Roundings on the longest way through a row read in blocks of 32 by `lanes` invocations: 1 product, 3 sums in dot(), 8 dots of a block, one sum per block, then
 * the tree over the lanes.
 */
export function blockSumDepth(columnCount: number, lanes: number): number {
  return 1 + 3 + 8 + Math.ceil(blocksPerRow(columnCount) / lanes) + Math.log2(lanes);
}

/** The same when one invocation adds the row up four columns at a time, as the tiled kernels do. */
export function quadSumDepth(columnCount: number): number {
  return 1 + 3 + 8 * blocksPerRow(columnCount);
}

/**
 * Roundings of Σ x² over a row that `invocations` read four columns at a time: 1 product, 3 sums in dot(), one sum per quad, then the tree.
 */
function squareSumDepth(columnCount: number, invocations: number): number {
  return 1 + 3 + Math.ceil((blocksPerRow(columnCount) * 8) / invocations) + Math.log2(invocations);
}

/**
 * The scale of RMSNorm, 1 / sqrt(Σx²/n + eps), as a relative error: the sum of squares (all positive), division 5u and + eps u, all halved by the root;
 * inverseSqrt 4u.
 */
export function normScaleError(columnCount: number, invocations: number): number {
  return ((squareSumDepth(columnCount, invocations) + 6) / 2 + 4) * ROUNDOFF;
}

/** silu(x) = x / (1 + exp(-x)) for |x| ≤ limit, as a relative error: exp (3 + 2|x|) ULP, the sum, the division 5u. Its slope is below 1.1. */
export function siluError(limit: number): number {
  return ((3 + 2 * limit) * 2 + 1 + 5) * ROUNDOFF;
}
export const SILU_SLOPE = 1.1;

/**
 * silu(g) · u for sums g and u of n products of numbers in [-1, 1), each through at most `depth` roundings: Σ|a·b| is n/4 on average and below n/2; the sums themselves have deviation √n / 3, and five
 * deviations bound them. An error δ of each becomes δ · (1.1 · max|u| + max|silu(g)|).
 */
export function gatedTolerance(columnCount: number, depth: number): Tolerance {
  const sum = sumTolerance(depth, columnCount / 2);
  const limit = (5 * Math.sqrt(columnCount)) / 3;
  const rel = siluError(limit) + 2 * ROUNDOFF;
  return { abs: sum.abs * (SILU_SLOPE + 1) * limit, rel, nmse: 4 * sum.nmse + rel ** 2 };
}
