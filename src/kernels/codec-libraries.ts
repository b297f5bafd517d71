// Every codec's reader is linked into the kernels that read weights; the CODEC override constants leave one of them in the pipeline.
// A new format is one entry here, one file in shaders/codecs, one case in shaders/lib/weights.wgsl, its regions in src/core/packed-weights.ts, one reader in
// src/core/block-readers.ts and its repacking in src/formats/repack.ts.

import { CODEC_NAMES } from '../core/packed-weights';

export const CODEC_LIBRARIES: readonly string[] = ['unpack', ...CODEC_NAMES.map((name) => name.replaceAll('_', '-'))];
