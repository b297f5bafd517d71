// What bringing experts in and computing cost on this machine, for the simulator: from the figures of the last answer, and what it did not measure from a
// stand-in. Pure.

import type { EngineStats } from '../../core/api';
import { type CostModel, LAPTOP_COST } from '../../scheduler/simulator';

export interface MeasuredCost {
  readonly cost: CostModel;
  /** Whether the last answer measured it. What it did not is the store's rate, or a laptop's. */
  readonly isMeasured: Readonly<Record<keyof CostModel, boolean>>;
}

export interface CostContext {
  /** Layers with routed experts. */
  readonly layerCount: number;
  /** Of the store, as measured when it was chosen. */
  readonly storeReadBytesPerSecond?: number;
}

type CostStats = Pick<
  EngineStats,
  'times' | 'elapsedMs' | 'bytesRead' | 'bytesUploaded' | 'halts' | 'missingLayers' | 'generatedTokens' | 'decodeTokensPerSecond'
>;

export function measuredCost(stats: CostStats, { layerCount, storeReadBytesPerSecond }: CostContext): MeasuredCost {
  const { times, bytesRead, bytesUploaded, halts, missingLayers, generatedTokens } = stats;
  const bytes = bytesRead.ram + bytesRead.disk + bytesRead.network;
  // The whole wait per byte, as an expert that is missed costs it.
  const measured: Record<keyof CostModel, number | undefined> = {
    readBytesPerSecond: ratio(bytes * 1000, times.readMs + times.checksumMs + times.waitMs),
    // Without a load all that is uploaded are parameters of steps, a few bytes each.
    uploadBytesPerSecond: bytes > 0 ? ratio(bytesUploaded * 1000, times.uploadMs) : undefined,
    computeMsPerLayer: ratio(decodeComputeMs(stats), generatedTokens * layerCount),
    // The simulator halts at every layer that misses; the engine looks ahead and halts once for several.
    haltMs: ratio(times.haltMs, Math.max(halts, missingLayers)),
  };
  const standIn: CostModel = { ...LAPTOP_COST, ...(storeReadBytesPerSecond !== undefined && { readBytesPerSecond: storeReadBytesPerSecond }) };
  const pick = (name: keyof CostModel) => measured[name] ?? standIn[name];
  const isMeasured = (name: keyof CostModel) => measured[name] !== undefined;
  return {
    cost: {
      readBytesPerSecond: pick('readBytesPerSecond'),
      uploadBytesPerSecond: pick('uploadBytesPerSecond'),
      computeMsPerLayer: pick('computeMsPerLayer'),
      haltMs: pick('haltMs'),
    },
    isMeasured: {
      readBytesPerSecond: isMeasured('readBytesPerSecond'),
      uploadBytesPerSecond: isMeasured('uploadBytesPerSecond'),
      computeMsPerLayer: isMeasured('computeMsPerLayer'),
      haltMs: isMeasured('haltMs'),
    },
  };
}

/**
 * The part of compute that was decode's. The times are of the whole answer, so it lies between two bounds from below: compute less all of the prompt's time,
 * and decode's time less everything that was waited for. The first is exact when the prompt waited for nothing, the second when nothing was missed. Where
 * neither says anything, decode had its share of the time.
 */
function decodeComputeMs({ times, elapsedMs, generatedTokens, decodeTokensPerSecond }: CostStats): number {
  if (generatedTokens === 0 || decodeTokensPerSecond <= 0) return 0;
  const decodeMs = (generatedTokens * 1000) / decodeTokensPerSecond;
  const promptMs = Math.max(0, elapsedMs - decodeMs);
  const waitedMs = times.haltMs + times.readMs + times.checksumMs + times.uploadMs + times.waitMs;
  const { computeMs } = times;
  const least = Math.min(computeMs, Math.max(computeMs - promptMs, decodeMs - waitedMs));
  return least > 0 ? least : computeMs * Math.min(1, decodeMs / elapsedMs);
}

/** Undefined where nothing was measured. */
function ratio(amount: number, per: number): number | undefined {
  return amount > 0 && per > 0 ? amount / per : undefined;
}
