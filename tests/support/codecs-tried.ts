// Codecs with which the large kernels (products of a whole batch) are tried. In Node: all. In Chromium: one of each make, since there each takes the software
// adapter 4 to 10 s to compile, and codecs differ in their readers alone, which tests/kernels/codecs.test.ts holds together bit for bit in both places.

import type { CodecName } from '../../src/core/packed-weights';
import { inBrowser } from './gpu';

/** No blocks, blocks with a scale, superblocks, a table. */
const IN_CHROMIUM: readonly CodecName[] = ['f32', 'q8_0', 'q4_0', 'q4_k', 'q6_k', 'mxfp4'];

export const isTried = (codec: CodecName): boolean => !inBrowser || IN_CHROMIUM.includes(codec);
