// The vocabulary in a GGUF's metadata: tokens with their types, and which of them begin and end a text. The meaning of the tokens is in byte-pair-model.ts and
// sentence-piece-model.ts.

import { EngineError } from '../core/errors';
import type { GgufMetadata } from '../formats/gguf-metadata';

export interface Vocabulary {
  /** [id] → the token as it is in the file. */
  readonly texts: readonly string[];
  /** [id] → TokenType. */
  readonly types: ArrayLike<number>;
}

/** Of `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What splits and merges text that has no special tokens, and knows which bytes a token stands for. */
export interface TextModel {
  /** `isStart`: at the beginning of a text, or behind a special token. */
  encode(text: string, isStart: boolean): number[];
  bytesOf(text: string, type: number): Uint8Array;
  /** A space that `encode` puts before a text, and that is none of it. */
  readonly addsSpace: boolean;
  /** Where the file does not say. */
  readonly defaults: { readonly addBos: boolean; readonly bosId?: number; readonly eosId?: number };
}

/** Four times the largest that are known: each token takes some hundred bytes in the tables that merge them. */
const MAX_TOKENS = 1024 * 1024;
/** Pairs that may be merged, for each token; the richest vocabularies have three. */
export const MAX_MERGES_PER_TOKEN = 16;
const MAX_TOKEN_ID = 2 ** 31 - 1;

/** Control tokens that end a turn, by the names that models give them; files often name only one of them as eos. After llama.cpp's list. */
const STOP_TEXTS: ReadonlySet<string> = new Set(
  [
    '<|eot_id|> <|im_end|> <|end|> <|return|> <|call|> <end_of_turn> <|endoftext|> <|eom_id|> <EOT> _<EOT> [EOT]',
    '[EOS] </s> <eos> <|end_of_text|> <end_of_utterance> <｜end▁of▁sentence｜> <|role_end|>',
  ].flatMap((line) => line.split(' ')),
);

export function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const texts = metadata.strings('tokenizer.ggml.tokens');
  if (texts.length === 0) throw corruptKey('tokenizer.ggml.tokens', 'it is empty');
  if (texts.length > MAX_TOKENS) throw corruptKey('tokenizer.ggml.tokens', `it has ${texts.length} entries; ${MAX_TOKENS} are the limit`);
  const typesKey = 'tokenizer.ggml.token_type';
  const types = metadata.has(typesKey) ? metadata.numbers(typesKey) : texts.map(() => TokenType.normal);
  if (types.length !== texts.length) throw corruptKey(typesKey, `it has ${types.length} entries for ${texts.length} tokens`);
  return { texts, types };
}

/** Text → id of the tokens that ordinary text is made of: all but the special ones. */
export function ordinaryIds({ texts, types }: Vocabulary): Record<string, number> {
  // An object without prototype: "__proto__" is a token like any other.
  const ids = Object.create(null) as Record<string, number>;
  texts.forEach((text, id) => {
    if (!isSpecial(types[id])) ids[text] = id;
  });
  return ids;
}

/** Written as their text, and read from text as a whole. */
export function isSpecial(type: number | undefined): boolean {
  return isControl(type) || type === TokenType.userDefined;
}

/** Not part of what a text says. */
export function isControl(type: number | undefined): boolean {
  return type === TokenType.control || type === TokenType.unknown;
}

/** Ids of the tokens that end an answer, in order. */
export function readStopTokenIds(metadata: GgufMetadata, { texts, types }: Vocabulary, defaultEosId?: number): readonly number[] {
  const named = ['eos', 'eot', 'eom'].map((name) => readTokenId(metadata, `tokenizer.ggml.${name}_token_id`, texts.length));
  const known = texts.flatMap((text, id) => (types[id] === TokenType.control && STOP_TEXTS.has(text) ? [id] : []));
  return [...new Set([named[0] ?? defaultEosId, ...named, ...known].filter((id) => id !== undefined))].sort((a, b) => a - b);
}

/** Undefined when the file does not name one. */
export function readTokenId(metadata: GgufMetadata, key: string, tokenCount: number): number | undefined {
  if (!metadata.has(key)) return undefined;
  const id = metadata.integer(key, 0, MAX_TOKEN_ID);
  if (id >= tokenCount) throw corruptKey(key, `${id} is not one of the ${tokenCount} tokens`);
  return id;
}

export function corruptKey(key: string, problem: string): EngineError {
  return new EngineError('file-corrupt', `The metadata key "${key}" is impossible: ${problem}.`, 'Get the file again, or another conversion of the model.');
}
