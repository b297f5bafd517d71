// Merges routing events into frames. The page asks for one frame per animation frame; what happens in between waits here, within a limit.

import type { RoutingFrame } from '../core/routing-frame';
import type { RoutingEvent } from '../engine/engine-core';

/** Tokens that wait for the page at most; a page that draws more slowly than this loses the oldest. */
export const MAX_WAITING_TOKENS = 2048;

export interface FrameShape {
  readonly layerCount: number;
  readonly topK: number;
  readonly expertCount: number;
}

export class FrameCollector {
  readonly #shape: FrameShape;
  readonly #residency: () => Uint8Array;
  #waiting: RoutingEvent[] = [];
  #waitingTokens = 0;
  #sequence = 0;

  constructor(shape: FrameShape, residency: () => Uint8Array) {
    this.#shape = shape;
    this.#residency = residency;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(event: RoutingEvent): void {
    this.#waiting.push(event);
    this.#waitingTokens += event.tokenIds.length;
    while (this.#waitingTokens > MAX_WAITING_TOKENS && this.#waiting.length > 1) this.#waitingTokens -= this.#waiting.shift()!.tokenIds.length;
  }

  /** All waiting events of the oldest one's phase as one frame; without events, a frame of no tokens that tells where the experts are. */
  take(): RoutingFrame {
    const phase = this.#waiting[0]?.phase ?? 'decode';
    const end = this.#waiting.findIndex((event) => event.phase !== phase);
    const events = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    const tokenCount = events.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
    this.#waitingTokens -= tokenCount;
    const { layerCount, topK, expertCount } = this.#shape;
    const routesPerToken = layerCount * topK;
    const frame: RoutingFrame = {
      sequence: this.#sequence++,
      phase,
      tokenCount,
      layerCount,
      expertsPerToken: topK,
      expertCount,
      positions: new Uint32Array(tokenCount),
      tokenIds: new Uint32Array(tokenCount),
      expertIds: new Uint16Array(tokenCount * routesPerToken),
      weights: new Float32Array(tokenCount * routesPerToken),
      tiers: new Uint8Array(tokenCount * routesPerToken),
      residency: this.#residency(),
    };
    let token = 0;
    for (const { position, tokenIds, routes, tiers } of events) {
      frame.tokenIds.set(tokenIds, token);
      tokenIds.forEach((_, i) => (frame.positions[token + i] = position + i));
      frame.expertIds.set(routes.expertIds, token * routesPerToken);
      frame.weights.set(routes.weights, token * routesPerToken);
      frame.tiers.set(tiers, token * routesPerToken);
      token += tokenIds.length;
    }
    return frame;
  }
}
