// SentencePiece BPE, `tokenizer.ggml.model` = "llama": spaces are written "▁", text is not cut, and of all neighbours that make a token the pair with the best
// score is merged first. What is no token is written as its bytes ("<0x0A>"). Merging is done by @huggingface/tokenizers, which wants a list of pairs in place of
// scores: all ways to cut a token into two, the best score first, as the converter of the models' own libraries makes it.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { MAX_MERGES_PER_TOKEN, type TextModel, TokenType, type Vocabulary, corruptKey, ordinaryIds } from './vocabulary';

const SPACE = '▁';
const SCORES_KEY = 'tokenizer.ggml.scores';
/** In characters. SentencePiece makes none of more than 16 by itself; rows of spaces come to 32. */
const MAX_PIECE_LENGTH = 256;
/** For files that do not name them. */
const DEFAULT_BOS_ID = 1;
const DEFAULT_EOS_ID = 2;

const utf8 = new TextEncoder();

/** Throws 'file-corrupt' for an impossible vocabulary. */
export function sentencePieceModel(metadata: GgufMetadata, vocabulary: Vocabulary): TextModel {
  const ids = ordinaryIds(vocabulary);
  const missingByte = Array.from({ length: 256 }, (_, byte) => byteToken(byte)).find((text) => ids[text] === undefined);
  if (missingByte !== undefined) throw corruptKey('tokenizer.ggml.tokens', `there is no token ${missingByte}`);
  const tokenizer = new HuggingFaceTokenizer(
    {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      model: { type: 'BPE', vocab: ids, merges: mergesOf(metadata, vocabulary, ids), unk_token: null, byte_fallback: true, ignore_merges: false },
      post_processor: null,
      decoder: null,
    },
    {},
  );
  const addsSpace = metadata.boolean('tokenizer.ggml.add_space_prefix', true);
  const tokenCount = vocabulary.texts.length;
  return {
    encode: (text, isStart) => {
      if (text === '') return [];
      const spaced = (addsSpace && isStart ? ` ${text}` : text).replaceAll(' ', SPACE);
      return tokenizer.encode(spaced, { add_special_tokens: false }).ids;
    },
    bytesOf: (text, type) => (type === TokenType.byte || /^<0x[0-9A-F]{2}>$/.test(text) ? Uint8Array.of(parseInt(text.slice(3, 5), 16)) : bytesOfPiece(text)),
    addsSpace,
    defaults: {
      addBos: true,
      ...(tokenCount > DEFAULT_BOS_ID && { bosId: DEFAULT_BOS_ID }),
      ...(tokenCount > DEFAULT_EOS_ID && { eosId: DEFAULT_EOS_ID }),
    },
  };
}

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function bytesOfPiece(text: string): Uint8Array {
  return utf8.encode(text.replaceAll(SPACE, ' '));
}

function mergesOf(metadata: GgufMetadata, { texts, types }: Vocabulary, ids: Readonly<Record<string, number>>): Array<readonly [string, string]> {
  const scores = metadata.numbers(SCORES_KEY);
  if (scores.length !== texts.length) throw corruptKey(SCORES_KEY, `it has ${scores.length} entries for ${texts.length} tokens`);
  const isPiece = (text: string): boolean => ids[text] !== undefined && types[ids[text]] !== TokenType.byte;
  const found: Array<{ readonly pair: readonly [string, string]; readonly score: number }> = [];
  const limit = MAX_MERGES_PER_TOKEN * texts.length;
  texts.forEach((text, id) => {
    if (ids[text] !== id || !isPiece(text)) return;
    const characters = Array.from(text);
    if (characters.length > MAX_PIECE_LENGTH) throw corruptKey('tokenizer.ggml.tokens', `token ${id} has ${characters.length} characters`);
    const score = scores[id] ?? 0;
    if (!Number.isFinite(score)) throw corruptKey(SCORES_KEY, `token ${id} has the score ${score}`);
    let left = '';
    for (const character of characters.slice(0, -1)) {
      left += character;
      const right = text.slice(left.length);
      if (isPiece(left) && isPiece(right)) found.push({ pair: [left, right], score });
    }
    if (found.length > limit) throw corruptKey('tokenizer.ggml.tokens', `its ${texts.length} tokens can be merged in too many ways`);
  });
  // Sorting is stable: of equal scores the lower id comes first.
  return found.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}
