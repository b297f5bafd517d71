// The control block: 8 words that every kernel binds. Same layout as `Control` in shaders/lib/control.wgsl (a test holds them together).
// It lets one compiled program serve every step: positions advance on the GPU, and `halted` turns all later work into nothing.
//
// A step that misses an expert does not halt at once: it goes on as a scout, without that expert, only to find out which experts later layers will want.
// What a scout computes is thrown away.

export const CONTROL_WORDS = 8;
export const CONTROL_BYTES = CONTROL_WORDS * 4;

export const ControlWord = {
  /** 0: run. Otherwise a HaltReason: every kernel returns at once. */
  halted: 0,
  /** 1: an expert was missing in this step, and what runs now only scouts. */
  scouting: 1,
  /** Index of the token being generated, from 0; selects the random number. */
  step: 2,
  /** Position in the context of the first token of this batch. */
  position: 3,
  /** Tokens in this batch (decode: 1). */
  tokenCount: 4,
  /** The layer whose router missed an expert. */
  layer: 5,
  /** Layers that a scout goes on past that one, at most; 0: none, the step halts at once. */
  scoutReach: 6,
} as const;

export const HaltReason = { none: 0, missingExpert: 1, stopToken: 2 } as const;

/** In a slot table: this expert has no slot. */
export const MISSING_SLOT = 0xffffffff;
