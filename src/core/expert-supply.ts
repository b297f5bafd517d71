// Everything below the GPU, as the engine sees it: one question (where is this expert) and one verb (bring it here). Implemented by src/storage/expert-tiers.ts.

import type { Tier } from './routing-frame';

export interface SupplyStats {
  readonly ramExperts: number;
  readonly ramBytes: number;
  readonly diskExperts: number;
  readonly diskBytes: number;
  /** Bytes read since the model was opened, by the tier they came from. */
  readonly bytesRead: { readonly ram: number; readonly disk: number; readonly network: number };
  readonly recordsRepaired: number;
  /** What the user should know of storage, as it comes up. */
  readonly notices: readonly string[];
}

export interface ExpertSupply {
  tierOf(layer: number, expert: number): Exclude<Tier, 'gpu'>;
  /** The expert's packed weights (see ExpertLayout). The bytes are shared: not to be changed. */
  fetch(layer: number, expert: number, signal?: AbortSignal): Promise<{ readonly bytes: Uint8Array; readonly tier: Exclude<Tier, 'gpu'> }>;
  setRamBudget(bytes: number): void;
  supplyStats(): SupplyStats;
  dispose(): Promise<void>;
}
