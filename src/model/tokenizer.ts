// Text to token ids and back, from the vocabulary in a GGUF. Ordinary text is the matter of the file's kind of tokenizer (byte-pair-model.ts,
// sentence-piece-model.ts). Special tokens and decoding are done here: whether special tokens are read from text is decided call by call, and a stream of tokens
// must not show half of a character.

import { EngineError } from '../core/errors';
import type { GgufFile } from '../formats/gguf';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { bytePairModel } from './byte-pair-model';
import { sentencePieceModel } from './sentence-piece-model';
import { SpecialTokens, unguard } from './special-tokens';
import { type TextModel, TokenType, type Vocabulary, corruptKey, isControl, isSpecial, readStopTokenIds, readTokenId, readVocabulary } from './vocabulary';

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

const utf8 = new TextEncoder();

const MODELS: ReadonlyMap<string, (metadata: GgufMetadata, vocabulary: Vocabulary) => TextModel> = new Map([
  ['gpt2', bytePairModel],
  ['llama', sentencePieceModel],
]);

/** Rejects with EngineError: 'unsupported-tokenizer', or 'file-corrupt' (the message names the metadata key). */
export function createTokenizer(file: GgufFile): Tokenizer {
  const { metadata } = file;
  const kind = metadata.string('tokenizer.ggml.model');
  const createModel = MODELS.get(kind);
  if (!createModel) {
    const supported = [...MODELS.keys()].join(' (byte-level BPE), ');
    throw new EngineError('unsupported-tokenizer', `The tokenizer of the model is of the kind "${kind}".`, `Supported now: ${supported} (SentencePiece BPE).`);
  }
  const vocabulary = readVocabulary(metadata);
  const model = createModel(metadata, vocabulary);
  const { texts, types } = vocabulary;
  const idsWhere = (isWanted: (type: number | undefined) => boolean): Map<string, number> =>
    new Map(texts.flatMap((text, id) => (isWanted(types[id]) ? [[text, id]] : [])));
  const control = new SpecialTokens(idsWhere(isControl));
  // User-defined tokens ("<think>") are part of the text, so they are always read; control tokens only when asked for.
  const userDefined = new SpecialTokens(idsWhere((type) => type === TokenType.userDefined));
  const all = new SpecialTokens(idsWhere(isSpecial));
  const bosTokenId = readTokenId(metadata, 'tokenizer.ggml.bos_token_id', texts.length) ?? model.defaults.bosId;
  const asksForBos = metadata.boolean('tokenizer.ggml.add_bos_token', model.defaults.addBos);
  if (asksForBos && bosTokenId === undefined && metadata.has('tokenizer.ggml.add_bos_token')) {
    throw corruptKey('tokenizer.ggml.bos_token_id', 'it is missing, although prompts should begin with it');
  }

  const textOf = (id: number): string => {
    const text = texts[id];
    if (text !== undefined) return text;
    throw new EngineError('invalid-argument', `There is no token ${id}.`, `Token ids of this model are whole numbers from 0 to ${texts.length - 1}.`);
  };
  const tokenBytes = (id: number): Uint8Array => {
    const text = textOf(id);
    return isSpecial(types[id]) ? utf8.encode(text) : model.bytesOf(text, types[id] ?? TokenType.normal);
  };
  /** `isStart`: the first token begins a text, so that a space which stands before every text is left out. */
  const streamFrom = (isStart: boolean, special: boolean): TextStream => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let dropsSpace = isStart && model.addsSpace;
    return {
      push: (id) => {
        const bytes = tokenBytes(id);
        const withoutSpace = dropsSpace && bytes[0] === 0x20 && !isSpecial(types[id]) ? bytes.subarray(1) : bytes;
        dropsSpace = isSpecial(types[id]) && model.addsSpace;
        return isControl(types[id]) && !special ? '' : decoder.decode(withoutSpace, { stream: true });
      },
      end: () => decoder.decode(),
    };
  };
  const decode = (ids: readonly number[], { special = true }: DecodeOptions = {}): string => {
    const stream = streamFrom(true, special);
    return ids.map((id) => stream.push(id)).join('') + stream.end();
  };

  return {
    vocabularySize: texts.length,
    ...(bosTokenId !== undefined && { bosTokenId }),
    addBos: asksForBos && bosTokenId !== undefined,
    stopTokenIds: readStopTokenIds(metadata, vocabulary, model.defaults.eosId),
    encode: (text, { special = false } = {}) => {
      let isStart = true;
      return (special ? all : userDefined).split(text).flatMap((piece) => {
        const wasStart = isStart;
        if (piece !== '') isStart = typeof piece === 'number';
        return typeof piece === 'number' ? [piece] : model.encode(special ? unguard(piece) : piece, wasStart);
      });
    },
    decode,
    decodeStream: ({ special = false } = {}) => streamFrom(false, special),
    tokenText: (id) => {
      const stream = streamFrom(false, true);
      return stream.push(id) + stream.end();
    },
    tokenBytes,
    guard: (text) => control.guard(text),
  };
}
