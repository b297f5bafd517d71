// Which expert gives way when another needs its slot. A policy is two independent choices: a ranking says what each expert is worth, quotas say how many slots
// a layer is sure of. Policies are pure: all they know is the routes they were told, in order.

export interface PolicyShape {
  readonly layerCount: number;
  /** Experts per layer. */
  readonly expertCount: number;
  readonly expertsPerToken: number;
}

export interface Ranking {
  /** One token used these experts of a layer, strongest first. Told once per token and layer, before slots are asked for on its behalf. */
  touch(layer: number, experts: ArrayLike<number>, weights?: ArrayLike<number>): void;
  /**
   * What keeping the expert is worth now. The least goes first; ties: the lowest (layer, expert). Uses of other layers may change what a layer's experts are
   * worth, but not their order.
   */
  value(layer: number, expert: number): number;
  /** Starts from earlier experience instead of none. `profile`: [layer, expert] uses per token. */
  seed(profile: Float32Array): void;
}

export interface Quotas {
  touch(layer: number, experts: ArrayLike<number>): void;
  /** Slots that each of `layers` is sure of, together at most `slotCount`. A layer above its share gives first. */
  shares(layers: readonly number[], slotCount: number): ArrayLike<number>;
}

export interface ResidencyPolicy extends Ranking {
  readonly name: string;
  readonly shape: PolicyShape;
  /** [layer] rises whenever the order of the layer's experts may have changed. */
  readonly versions: Uint32Array;
  /** [layer, expert] uses per token, as far as known: what `seed` takes when the model is next loaded. */
  profile(): Float32Array;
  shares(layers: readonly number[], slotCount: number): ArrayLike<number>;
}
