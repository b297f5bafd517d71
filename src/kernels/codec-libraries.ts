// Every codec's reader is linked into the kernels that read weights; the CODEC override constants leave one of them in the pipeline.
// A new format is one entry here, one file in shaders/codecs, one case in shaders/lib/weights.wgsl and one reader in src/core/packed-block.ts.
export const CODEC_LIBRARIES = ['f32', 'f16', 'bf16', 'q8-0', 'q4-0'] as const;
