// Gated activations of FFNs, by the name in a ModelSpec. The number is the value of the ACTIVATION override constants in WGSL.

/** 'silu': SiLU(gate) · up (Shazeer 2020, arXiv 2002.05202). 'relu': max(gate, 0) · up. 'clamped-swiglu': gpt-oss's, with limits of 7. */
export const ACTIVATION_IDS = { silu: 0, relu: 1, 'clamped-swiglu': 2 } as const;
export type ActivationName = keyof typeof ACTIVATION_IDS;

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function gated(kind: number, gate: number, up: number): number {
  switch (kind) {
    case ACTIVATION_IDS.relu:
      return Math.max(gate, 0) * up;
    case ACTIVATION_IDS['clamped-swiglu']: {
      const x = Math.min(gate, 7);
      return x * sigmoid(1.702 * x) * (Math.min(Math.max(up, -7), 7) + 1);
    }
    default:
      return gate * sigmoid(gate) * up;
  }
}
