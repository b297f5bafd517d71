// Everything below the GPU, as the engine sees it: one question (where is this expert) and one verb (bring it here). Implemented by src/storage/expert-tiers.ts.

import type { Tier } from './routing-frame';

/** Who waits: a halted token, the layers just ahead of it, or nobody yet. The more urgent load always starts first. */
export type FetchUrgency = 'demand' | 'look-ahead' | 'prefetch';

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default 'demand'. Asking for what is on its way already raises that load to the higher urgency of the two. */
  readonly urgency?: FetchUrgency;
}

export interface FetchedExpert {
  /** The expert's packed weights (see ExpertLayout), shared with other callers: not to be changed. */
  readonly bytes: Uint8Array;
  readonly tier: Exclude<Tier, 'gpu'>;
  /**
   * Says that the caller looks at `bytes` no more, so that other experts may be read into their memory. Without it they are left to the garbage collector,
   * which is always safe and slower.
   */
  readonly release?: () => void;
}

export interface SupplyStats {
  readonly ramExperts: number;
  readonly ramBytes: number;
  readonly diskExperts: number;
  readonly diskBytes: number;
  /** Bytes read since the model was opened, by the tier they came from. */
  readonly bytesRead: { readonly ram: number; readonly disk: number; readonly network: number };
  /** Loads from below RAM that ended well since the model was opened, by the highest urgency that asked for them. */
  readonly loads: Readonly<Record<FetchUrgency, number>>;
  /** Time since the model was opened during which at least one read for a fetch was under way, in the store or the model file (with repacking). */
  readonly readMs: number;
  /** Time spent on the checksums of records that a fetch asked for; not part of `readMs` unless another read was under way. */
  readonly checksumMs: number;
  readonly recordsRepaired: number;
  /** What the user should know of storage, as it comes up. */
  readonly notices: readonly string[];
}

export interface ExpertSupply {
  tierOf(layer: number, expert: number): Exclude<Tier, 'gpu'>;
  fetch(layer: number, expert: number, options?: FetchOptions): Promise<FetchedExpert>;
  setRamBudget(bytes: number): void;
  supplyStats(): SupplyStats;
  /** [layer, expert] how much each expert was used in earlier visits, as `writeProfile` left it; undefined when there is none of this shape. */
  readProfile?(): Promise<Float32Array | undefined>;
  /** Keeps the profile for the next visit, if there is room. Never rejects. */
  writeProfile?(profile: Float32Array): Promise<void>;
  dispose(): Promise<void>;
}
