// What a load uses when nothing is said.

import { MiB } from '../core/units';

/** RAM tier: records kept in memory besides the GPU. */
export const DEFAULT_RAM_BYTES = 256 * MiB;

/** GPU budget when the adapter does not say how much it has: all experts up to this. */
export const DEFAULT_GPU_BYTES = 2048 * MiB;

/** Longest context that is prepared unless the user asks for more; the KV cache is made at load. */
export const DEFAULT_CONTEXT_LENGTH = 4096;
