// Small routing frames for tests, written by hand.

import type { RoutingFrame } from '../../src/core/routing-frame';

interface FrameWish {
  readonly layerCount: number;
  readonly expertCount: number;
  /** [token][layer][k] experts. */
  readonly routes: readonly (readonly (readonly number[])[])[];
  /** Experts that count as misses (found on disk), in every layer. */
  readonly missed?: readonly number[];
  /** [layer, expert]; all on the GPU unless given. */
  readonly residency?: readonly number[];
  readonly phase?: 'prefill' | 'decode';
  readonly position?: number;
  readonly tokenIds?: readonly number[];
}

export function frameOf(wish: FrameWish): RoutingFrame {
  const experts = wish.routes.flat(2);
  const tokenCount = wish.routes.length;
  const expertsPerToken = wish.routes[0]?.[0]?.length ?? 1;
  return {
    sequence: 0,
    phase: wish.phase ?? 'decode',
    tokenCount,
    layerCount: wish.layerCount,
    expertsPerToken,
    expertCount: wish.expertCount,
    positions: Uint32Array.from({ length: tokenCount }, (_, token) => (wish.position ?? 0) + token),
    tokenIds: Uint32Array.from(wish.tokenIds ?? { length: tokenCount }),
    expertIds: Uint16Array.from(experts),
    weights: Float32Array.from(experts, (_, at) => 1 / ((at % expertsPerToken) + 2)),
    tiers: Uint8Array.from(experts, (expert) => (wish.missed?.includes(expert) ? 2 : 0)),
    residency: Uint8Array.from(wish.residency ?? { length: wish.layerCount * wish.expertCount }),
  };
}
