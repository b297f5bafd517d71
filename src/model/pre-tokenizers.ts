// How text is cut before byte pairs are merged, by the name in `tokenizer.ggml.pre`. The patterns are those of llama.cpp (llama-vocab.cpp), which took them
// from the models' tokenizer.json; each pattern cuts the pieces that the one before it left.

/** Pieces of English contractions in either case. */
const CONTRACTION = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

export const PRE_TOKENIZERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['qwen2', [`${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`]],
]);
