// The control block: 8 words that every kernel binds. Same layout as `Control` in shaders/lib/control.wgsl (a test holds them together).
// It lets one compiled program serve every step: positions advance on the GPU, and `halted` turns all later work into nothing.

export const CONTROL_WORDS = 8;
export const CONTROL_BYTES = CONTROL_WORDS * 4;

export const ControlWord = {
  /** 0: run. Otherwise a HaltReason: every kernel returns at once. */
  halted: 0,
  /** Index of the token being generated, from 0; selects the random number. */
  step: 1,
  /** Position in the context of the first token of this batch. */
  position: 2,
  /** Tokens in this batch (decode: 1). */
  tokenCount: 3,
  /** The layer whose router halted. */
  layer: 4,
} as const;

export const HaltReason = { none: 0, missingExpert: 1, stopToken: 2 } as const;

/** In a slot table: this expert has no slot. */
export const MISSING_SLOT = 0xffffffff;
