// Text to token ids and back, from the vocabulary in a GGUF. Splitting and merging is done by @huggingface/tokenizers, given a tokenizer.json made from the
// metadata. Special tokens and decoding are done here: whether special tokens are read from text is decided call by call, and a stream of tokens must not
// show half of a character.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { EngineError } from '../core/errors';
import type { GgufFile } from '../formats/gguf';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { BYTE_CHARACTERS, bytesOfToken } from './byte-level';
import { PRE_TOKENIZERS } from './pre-tokenizers';
import { SpecialTokens, unguard } from './special-tokens';

export interface EncodeOptions {
  /** Read control tokens such as "<|im_start|>" from the text; for template output, never for what people typed. Default false. */
  readonly special?: boolean;
}

export interface DecodeOptions {
  /** Write control tokens as their text; otherwise they give none. */
  readonly special?: boolean;
}

/** Tokens come one by one; text comes out as soon as it is certain. */
export interface TextStream {
  /** The text that became certain with this token; empty while a character is incomplete. */
  push(id: number): string;
  /** What is left: U+FFFD for an incomplete character, else nothing. */
  end(): string;
}

export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosTokenId?: number;
  /** Prompts begin with the bos token. `encode` does not add it. */
  readonly addBos: boolean;
  /** Tokens that end an answer: eos, eot and the like. */
  readonly stopTokenIds: readonly number[];
  encode(text: string, options?: EncodeOptions): number[];
  /** Special tokens are written unless `special` is false. Throws 'invalid-argument' for an id that is not in the vocabulary. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Special tokens are left out unless `special` is true. */
  decodeStream(options?: DecodeOptions): TextStream;
  /** One token for people to read; part of a character shows as U+FFFD. */
  tokenText(id: number): string;
  tokenBytes(id: number): Uint8Array;
  /** Untrusted text for a template: what looks like a control token in it stays plain text when the template's output is encoded with `special`. */
  guard(text: string): string;
}

/** Of `tokenizer.ggml.token_type`. */
const TokenType = { normal: 1, control: 3, userDefined: 4 } as const;
const MAX_TOKEN_ID = 2 ** 31 - 1;

/** Control tokens that end a turn, by the names that models give them; files often name only one of them as eos. After llama.cpp's list. */
const STOP_TEXTS: ReadonlySet<string> = new Set(
  [
    '<|eot_id|> <|im_end|> <|end|> <|return|> <|call|> <end_of_turn> <|endoftext|> <|eom_id|> <EOT> _<EOT> [EOT]',
    '[EOS] </s> <eos> <|end_of_text|> <end_of_utterance> <｜end▁of▁sentence｜>',
  ].flatMap((line) => line.split(' ')),
);

interface Vocabulary {
  /** [id] → the token as it is in the file. */
  readonly texts: readonly string[];
  /** [id] → TokenType. */
  readonly types: ArrayLike<number>;
  readonly merges: ReadonlyArray<readonly [string, string]>;
}

/** Rejects with EngineError: 'unsupported-tokenizer', or 'file-corrupt' (the message names the metadata key). */
export function createTokenizer(file: GgufFile): Tokenizer {
  const { metadata } = file;
  const patterns = readPatterns(metadata);
  const vocabulary = readVocabulary(metadata);
  const { texts, types } = vocabulary;
  const ordinary = createOrdinaryEncoder(vocabulary, patterns);
  const idsOfType = (...wanted: number[]): Map<string, number> => new Map(texts.flatMap((text, id) => (wanted.includes(types[id] ?? 0) ? [[text, id]] : [])));
  const control = new SpecialTokens(idsOfType(TokenType.control));
  // User-defined tokens ("<think>") are part of the text, so they are always read; control tokens only when asked for.
  const userDefined = new SpecialTokens(idsOfType(TokenType.userDefined));
  const all = new SpecialTokens(idsOfType(TokenType.control, TokenType.userDefined));
  const bosTokenId = readTokenId(metadata, 'tokenizer.ggml.bos_token_id', texts.length);
  const addBos = metadata.boolean('tokenizer.ggml.add_bos_token', false);
  if (addBos && bosTokenId === undefined) throw corruptKey('tokenizer.ggml.bos_token_id', 'it is missing, although prompts should begin with it');

  const textOf = (id: number): string => {
    const text = texts[id];
    if (text !== undefined) return text;
    throw new EngineError('invalid-argument', `There is no token ${id}.`, `Token ids of this model are whole numbers from 0 to ${texts.length - 1}.`);
  };
  const isSpecial = (id: number): boolean => types[id] === TokenType.control || types[id] === TokenType.userDefined;
  const tokenBytes = (id: number): Uint8Array => (isSpecial(id) ? new TextEncoder().encode(textOf(id)) : bytesOfToken(textOf(id)));

  const decodeStream = ({ special = false }: DecodeOptions = {}): TextStream => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => {
        const bytes = tokenBytes(id);
        return types[id] === TokenType.control && !special ? '' : decoder.decode(bytes, { stream: true });
      },
      end: () => decoder.decode(),
    };
  };
  const decode = (ids: readonly number[], { special = true }: DecodeOptions = {}): string => {
    const stream = decodeStream({ special });
    return ids.map((id) => stream.push(id)).join('') + stream.end();
  };

  return {
    vocabularySize: texts.length,
    ...(bosTokenId !== undefined && { bosTokenId }),
    addBos,
    stopTokenIds: readStopTokenIds(metadata, vocabulary),
    encode: (text, { special = false } = {}) => {
      const pieces = (special ? all : userDefined).split(text);
      return pieces.flatMap((piece) => (typeof piece === 'number' ? [piece] : ordinary(special ? unguard(piece) : piece)));
    },
    decode,
    decodeStream,
    tokenText: (id) => decode([id]),
    tokenBytes,
    guard: (text) => control.guard(text),
  };
}

/** Splits and merges text that has no special tokens. */
function createOrdinaryEncoder({ texts, types, merges }: Vocabulary, patterns: readonly string[]): (text: string) => number[] {
  // An object without prototype: "__proto__" is a token like any other.
  const ids = Object.create(null) as Record<string, number>;
  texts.forEach((text, id) => {
    if (types[id] !== TokenType.control && types[id] !== TokenType.userDefined) ids[text] = id;
  });
  // The package leaves out without a word what is not in the vocabulary. With these two checks there is no such thing.
  const missingByte = BYTE_CHARACTERS.findIndex((character) => ids[character] === undefined);
  if (missingByte >= 0) throw corruptKey('tokenizer.ggml.tokens', `there is no token for the byte ${missingByte}`);
  const badMerge = merges.findIndex(([left, right]) => ids[left + right] === undefined);
  if (badMerge >= 0) throw corruptKey('tokenizer.ggml.merges', `the result of merge ${badMerge} is not a token`);
  const tokenizer = new HuggingFaceTokenizer(
    {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          ...patterns.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })),
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      model: { type: 'BPE', vocab: ids, merges, unk_token: null, byte_fallback: false, ignore_merges: false },
      post_processor: null,
      decoder: null,
    },
    {},
  );
  return (text) => (text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids);
}

function readPatterns(metadata: GgufMetadata): readonly string[] {
  const model = metadata.string('tokenizer.ggml.model');
  if (model !== 'gpt2') throw unsupported(`The tokenizer of the model is of the kind "${model}".`, 'Supported now: gpt2 (byte-level BPE).');
  const name = metadata.string('tokenizer.ggml.pre', 'default');
  const patterns = PRE_TOKENIZERS.get(name);
  if (!patterns)
    throw unsupported(`The tokenizer of the model splits text by the rules "${name}".`, `Supported now: ${[...PRE_TOKENIZERS.keys()].join(', ')}.`);
  return patterns;
}

function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const texts = metadata.strings('tokenizer.ggml.tokens');
  if (texts.length === 0) throw corruptKey('tokenizer.ggml.tokens', 'it is empty');
  const typesKey = 'tokenizer.ggml.token_type';
  const types = metadata.has(typesKey) ? metadata.numbers(typesKey) : texts.map(() => TokenType.normal);
  if (types.length !== texts.length) throw corruptKey(typesKey, `it has ${types.length} entries for ${texts.length} tokens`);
  const merges = metadata.strings('tokenizer.ggml.merges').map((merge, index): readonly [string, string] => {
    const [left, right, rest] = merge.split(' ');
    if (!left || !right || rest !== undefined) throw corruptKey('tokenizer.ggml.merges', `entry ${index} is not two tokens`);
    return [left, right];
  });
  return { texts, types, merges };
}

/** Ids of the tokens that end an answer, in order. */
export function readStopTokenIds(metadata: GgufMetadata, { texts, types }: Pick<Vocabulary, 'texts' | 'types'>): readonly number[] {
  const named = ['eos', 'eot', 'eom'].map((name) => readTokenId(metadata, `tokenizer.ggml.${name}_token_id`, texts.length));
  const known = texts.flatMap((text, id) => (types[id] === TokenType.control && STOP_TEXTS.has(text) ? [id] : []));
  return [...new Set([...named.filter((id) => id !== undefined), ...known])].sort((a, b) => a - b);
}

/** Undefined when the file does not name one. */
export function readTokenId(metadata: GgufMetadata, key: string, tokenCount: number): number | undefined {
  if (!metadata.has(key)) return undefined;
  const id = metadata.integer(key, 0, MAX_TOKEN_ID);
  if (id >= tokenCount) throw corruptKey(key, `${id} is not one of the ${tokenCount} tokens`);
  return id;
}

function corruptKey(key: string, problem: string): EngineError {
  return new EngineError('file-corrupt', `The metadata key "${key}" is impossible: ${problem}.`, 'Get the file again, or another conversion of the model.');
}

function unsupported(message: string, hint: string): EngineError {
  return new EngineError('unsupported-tokenizer', message, hint);
}
