// Joins generated tokens with their routes. A sampled token is fed through the layers one step later, so its route comes in a later frame, at the same
// position of the context; the last token of an answer may never get one. Pure and bounded.

import type { GeneratedToken } from '../../core/api';
import type { RoutingFrame, Tier } from '../../core/routing-frame';
import { TIERS } from '../../core/routing-frame';

/** Tokens (and routes) kept; older ones are dropped. */
export const MAX_TOKENS_KEPT = 1024;

export interface RoutedExpert {
  readonly expert: number;
  readonly weight: number;
  /** Where it was found. */
  readonly tier: Tier;
}

/** [layer][k], strongest first. */
export type TokenRoute = readonly (readonly RoutedExpert[])[];

interface StoredRoute {
  readonly tokenId: number;
  readonly layerCount: number;
  readonly expertsPerToken: number;
  /** [layer, k] */
  readonly experts: Uint16Array;
  readonly weights: Float32Array;
  readonly tiers: Uint8Array;
}

export class TokenHistory {
  #tokens: GeneratedToken[] = [];
  readonly #routes = new Map<number, StoredRoute>();
  #isTruncated = false;

  /** Oldest first. */
  get tokens(): readonly GeneratedToken[] {
    return this.#tokens;
  }

  /** Whether older tokens of this answer were dropped. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  /** A token with index 0 begins a new answer and drops the old one. */
  addTokens(tokens: readonly GeneratedToken[]): void {
    for (const token of tokens) {
      if (token.index === 0) {
        this.#tokens = [];
        this.#isTruncated = false;
      }
      this.#tokens.push(token);
    }
    const excess = this.#tokens.length - MAX_TOKENS_KEPT;
    if (excess > 0) {
      this.#tokens.splice(0, excess);
      this.#isTruncated = true;
    }
  }

  addFrame(frame: RoutingFrame): void {
    const size = frame.layerCount * frame.expertsPerToken;
    if (frame.phase === 'prefill') {
      // A prompt is being fed: what stood behind it in the context belongs to an earlier answer.
      const last = frame.positions[frame.tokenCount - 1] ?? 0;
      for (const position of this.#routes.keys()) if (position > last) this.#routes.delete(position);
      return;
    }
    for (let token = 0; token < frame.tokenCount; token++) {
      const from = token * size;
      const position = frame.positions[token]!;
      this.#routes.delete(position);
      this.#routes.set(position, {
        tokenId: frame.tokenIds[token]!,
        layerCount: frame.layerCount,
        expertsPerToken: frame.expertsPerToken,
        experts: frame.expertIds.slice(from, from + size),
        weights: frame.weights.slice(from, from + size),
        tiers: frame.tiers.slice(from, from + size),
      });
    }
    for (const position of this.#routes.keys()) {
      if (this.#routes.size <= MAX_TOKENS_KEPT) break;
      this.#routes.delete(position);
    }
  }

  hasRoute(token: GeneratedToken): boolean {
    return this.#routes.get(token.position)?.tokenId === token.id;
  }

  /** Undefined while the token has not been fed through the layers. */
  route(token: GeneratedToken): TokenRoute | undefined {
    const stored = this.#routes.get(token.position);
    if (stored?.tokenId !== token.id) return undefined;
    const layers: RoutedExpert[][] = [];
    for (let layer = 0; layer < stored.layerCount; layer++) {
      const experts: RoutedExpert[] = [];
      for (let k = 0; k < stored.expertsPerToken; k++) {
        const at = layer * stored.expertsPerToken + k;
        experts.push({ expert: stored.experts[at]!, weight: stored.weights[at]!, tier: TIERS[stored.tiers[at]!] ?? 'network' });
      }
      layers.push(experts);
    }
    return layers;
  }

  clear(): void {
    this.#tokens = [];
    this.#routes.clear();
    this.#isTruncated = false;
  }
}

/** How sure the model was, for colouring: 0 (p = 1) to 1 (p ≤ e⁻⁴ ≈ 2 %). */
export function surprise(logprob: number): number {
  return Math.min(1, Math.max(0, -logprob / 4));
}
