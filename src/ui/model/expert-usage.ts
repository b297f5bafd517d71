// What the heatmap knows: for each (layer, expert), how often and how recently it was routed to, whether it was missing, and where it is now.
// Fed with routing frames, read by the drawing and the tables. Pure; every array is [layer, expert] and made once.

import type { Tier, RoutingFrame } from '../../core/routing-frame';
import { TIERS } from '../../core/routing-frame';
import { EngineError } from '../../core/errors';

/** After so many tokens a use counts half. */
export const HALF_LIFE_TOKENS = 24;
/** In `residency`: no frame has said yet where the expert is. */
export const UNKNOWN_TIER = TIERS.length;
export const MAX_LAYERS = 256;
export const MAX_EXPERTS = 1024;

export interface CellNumbers {
  readonly layer: number;
  readonly expert: number;
  /** Undefined before the first frame. */
  readonly tier: Tier | undefined;
  readonly useCount: number;
  readonly missCount: number;
  /** Part of this layer's routes that went to this expert; NaN before the first token. */
  readonly share: number;
  /** Tokens since the last use; 0 is the newest token, undefined never. */
  readonly tokensSinceUse: number | undefined;
}

export interface LayerNumbers {
  readonly layer: number;
  /** Experts by the tier where they are now, in the order of TIERS. */
  readonly byTier: readonly number[];
  readonly useCount: number;
  readonly missCount: number;
  /** The most used experts, busiest first, without those never used. */
  readonly busiest: readonly CellNumbers[];
}

export class ExpertUsage {
  /** Use count, halved every HALF_LIFE_TOKENS tokens. */
  readonly heat: Float32Array;
  readonly useCounts: Uint32Array;
  readonly missCounts: Uint32Array;
  /** Token number (from 1) of the last use; 0 is never. */
  readonly lastUse: Uint32Array;
  /** Time of the last use in ms; -Infinity is never. */
  readonly flashedAtMs: Float64Array;
  /** 1 where the last use was a miss. */
  readonly flashIsMiss: Uint8Array;
  /** TIER_INDEX of where the expert is, or UNKNOWN_TIER. */
  readonly residency: Uint8Array;
  #tokenCount = 0;
  #routesPerLayer = 0;
  #expertsPerToken = 1;

  constructor(
    readonly layerCount: number,
    readonly expertCount: number,
  ) {
    const cellCount = layerCount * expertCount;
    this.heat = new Float32Array(cellCount);
    this.useCounts = new Uint32Array(cellCount);
    this.missCounts = new Uint32Array(cellCount);
    this.lastUse = new Uint32Array(cellCount);
    this.flashedAtMs = new Float64Array(cellCount).fill(-Infinity);
    this.flashIsMiss = new Uint8Array(cellCount);
    this.residency = new Uint8Array(cellCount).fill(UNKNOWN_TIER);
  }

  static fits(usage: ExpertUsage | undefined, frame: RoutingFrame): usage is ExpertUsage {
    return usage !== undefined && usage.layerCount === frame.layerCount && usage.expertCount === frame.expertCount;
  }

  /** Tokens counted since the last reset. */
  get tokenCount(): number {
    return this.#tokenCount;
  }

  /** The heat that an expert would settle at if all were used alike; what the drawing calls half bright. */
  get evenHeat(): number {
    return this.#expertsPerToken / this.expertCount / (1 - 2 ** (-1 / HALF_LIFE_TOKENS));
  }

  /** Takes a frame in. `countTokens: false` (prefill, when it is not shown) updates only where the experts are. */
  add(frame: RoutingFrame, nowMs: number, countTokens = true): void {
    this.residency.set(frame.residency.subarray(0, this.residency.length));
    if (!countTokens) return;
    const { tokenCount, layerCount, expertsPerToken, expertIds, tiers } = frame;
    this.#expertsPerToken = expertsPerToken;
    const decay = 2 ** (-tokenCount / HALF_LIFE_TOKENS);
    for (let cell = 0; cell < this.heat.length; cell++) this.heat[cell] = this.heat[cell]! * decay;
    for (let token = 0; token < tokenCount; token++) {
      this.#tokenCount++;
      const use = 2 ** (-(tokenCount - 1 - token) / HALF_LIFE_TOKENS);
      for (let layer = 0; layer < layerCount; layer++) {
        const route = (token * layerCount + layer) * expertsPerToken;
        for (let k = 0; k < expertsPerToken; k++) {
          const expert = expertIds[route + k]!;
          if (expert >= this.expertCount) continue;
          const cell = layer * this.expertCount + expert;
          const isMiss = tiers[route + k] !== 0;
          this.heat[cell] = this.heat[cell]! + use;
          this.useCounts[cell] = this.useCounts[cell]! + 1;
          if (isMiss) this.missCounts[cell] = this.missCounts[cell]! + 1;
          this.lastUse[cell] = this.#tokenCount;
          // A miss anywhere in the frame stays visible, although the expert is a hit for the frame's later tokens.
          this.flashIsMiss[cell] = isMiss || (this.flashedAtMs[cell] === nowMs && this.flashIsMiss[cell] === 1) ? 1 : 0;
          this.flashedAtMs[cell] = nowMs;
        }
      }
    }
    this.#routesPerLayer += tokenCount * expertsPerToken;
  }

  /** Forgets counts and heat; where the experts are stays known. */
  reset(): void {
    for (const counts of [this.heat, this.useCounts, this.missCounts, this.lastUse, this.flashIsMiss]) counts.fill(0);
    this.flashedAtMs.fill(-Infinity);
    this.#tokenCount = 0;
    this.#routesPerLayer = 0;
  }

  cell(layer: number, expert: number): CellNumbers {
    const index = layer * this.expertCount + expert;
    const useCount = this.useCounts[index]!;
    const lastUse = this.lastUse[index]!;
    return {
      layer,
      expert,
      tier: TIERS[this.residency[index]!],
      useCount,
      missCount: this.missCounts[index]!,
      share: useCount / this.#routesPerLayer,
      tokensSinceUse: lastUse === 0 ? undefined : this.#tokenCount - lastUse,
    };
  }

  layer(layer: number, busiestCount = 3): LayerNumbers {
    const byTier = TIERS.map(() => 0);
    let useCount = 0;
    let missCount = 0;
    const used: number[] = [];
    for (let expert = 0; expert < this.expertCount; expert++) {
      const index = layer * this.expertCount + expert;
      const tier = this.residency[index]!;
      if (tier < UNKNOWN_TIER) byTier[tier] = byTier[tier]! + 1;
      useCount += this.useCounts[index]!;
      missCount += this.missCounts[index]!;
      if (this.useCounts[index]! > 0) used.push(expert);
    }
    used.sort((a, b) => this.useCounts[layer * this.expertCount + b]! - this.useCounts[layer * this.expertCount + a]!);
    return { layer, byTier, useCount, missCount, busiest: used.slice(0, busiestCount).map((expert) => this.cell(layer, expert)) };
  }
}

/** Refuses a frame whose arrays do not fit its counts: `push` is public, and a wrong frame must not draw nonsense. */
export function checkFrame(frame: RoutingFrame): void {
  const routes = frame.tokenCount * frame.layerCount * frame.expertsPerToken;
  const isWhole =
    frame.layerCount > 0 &&
    frame.layerCount <= MAX_LAYERS &&
    frame.expertCount > 0 &&
    frame.expertCount <= MAX_EXPERTS &&
    frame.expertIds.length >= routes &&
    frame.weights.length >= routes &&
    frame.tiers.length >= routes &&
    frame.positions.length >= frame.tokenCount &&
    frame.tokenIds.length >= frame.tokenCount &&
    frame.residency.length >= frame.layerCount * frame.expertCount;
  if (!isWhole)
    throw new EngineError('invalid-argument', 'A routing frame has arrays that do not fit its counts.', 'Hand over frames as engine.routing() gives them.');
}

/** "Layer 3, expert 17. GPU. Used 12 times, 4.1 % of this layer. Last used 3 tokens ago. 2 misses." */
export function describeCell(numbers: CellNumbers, names: TierNames): string {
  const parts = [`Layer ${numbers.layer}, expert ${numbers.expert}`];
  if (numbers.tier) parts.push(names[numbers.tier]);
  if (numbers.tokensSinceUse === undefined) parts.push('Not used yet');
  else {
    parts.push(`Used ${numbers.useCount} ${numbers.useCount === 1 ? 'time' : 'times'}, ${(numbers.share * 100).toFixed(1)} % of this layer`);
    parts.push(`Last used ${describeAge(numbers.tokensSinceUse)}`);
    parts.push(`${numbers.missCount} ${numbers.missCount === 1 ? 'miss' : 'misses'}`);
  }
  return `${parts.join('. ')}.`;
}

export function describeAge(tokensSinceUse: number): string {
  if (tokensSinceUse === 0) return 'by the newest token';
  return tokensSinceUse === 1 ? '1 token ago' : `${tokensSinceUse} tokens ago`;
}

export type TierNames = Readonly<Record<Tier, string>>;

/** What to call the tiers. The CPU backend has slots of the same kind as a GPU, but not on one. */
export function tierNames(backend: 'webgpu' | 'cpu' | undefined): TierNames {
  return backend === 'cpu' ? { ...TIER_NAMES, gpu: 'Slots' } : TIER_NAMES;
}

const TIER_NAMES: TierNames = { gpu: 'GPU', ram: 'RAM', disk: 'Disk', network: 'Network' };
