// What the engine tells about routing. One frame covers one or more consecutive tokens; the heatmap, the token view, metrics and traces all read it.

/** Where an expert's weights were when a token was routed to it, and where they are now. Order: nearest first. */
export const TIERS = ['gpu', 'ram', 'disk', 'network'] as const;
export type Tier = (typeof TIERS)[number];
export const TIER_INDEX: Readonly<Record<Tier, number>> = { gpu: 0, ram: 1, disk: 2, network: 3 };

export interface RoutingFrame {
  /** Rises by one with every frame of an engine. */
  readonly sequence: number;
  readonly phase: 'prefill' | 'decode';
  readonly tokenCount: number;
  readonly layerCount: number;
  /** Experts per token and layer (top-k). */
  readonly expertsPerToken: number;
  /** Experts per layer. */
  readonly expertCount: number;
  /** [token] position in the context. */
  readonly positions: Uint32Array;
  /** [token] id of the token that was fed through the layers (its route is what follows). */
  readonly tokenIds: Uint32Array;
  /** [token, layer, k] expert index within the layer, strongest first. */
  readonly expertIds: Uint16Array;
  /** [token, layer, k] routing weight. */
  readonly weights: Float32Array;
  /** [token, layer, k] TIER_INDEX of where the expert was found: 0 = GPU (hit), otherwise it had to be brought in (miss). */
  readonly tiers: Uint8Array;
  /** [layer, expert] TIER_INDEX of where each expert is after this frame. */
  readonly residency: Uint8Array;
}
