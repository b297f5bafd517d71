// tokenize and detokenize: text to token ids and back, with the vocabulary of a model file.

import { readGguf } from '../formats/gguf';
import { type Tokenizer, createTokenizer } from '../model/tokenizer';
import type { TerminalIo } from './io';
import { openModelSource } from './open-model';

interface TokenizeCommand {
  readonly model: string;
  readonly json: boolean;
  readonly text: string;
  /** Read control tokens such as "<|im_start|>" from the text. */
  readonly special: boolean;
}

interface DetokenizeCommand {
  readonly model: string;
  readonly json: boolean;
  readonly tokens: readonly number[];
}

/** Prints ids with commas between them, as --tokens takes them. */
export async function tokenize({ model, json, text, special }: TokenizeCommand, io: TerminalIo): Promise<void> {
  const tokens = (await openTokenizer(model, io)).encode(text, { special });
  io.out(json ? `${JSON.stringify({ tokens })}\n` : `${tokens.join(',')}\n`);
}

export async function detokenize({ model, json, tokens }: DetokenizeCommand, io: TerminalIo): Promise<void> {
  const text = (await openTokenizer(model, io)).decode(tokens);
  io.out(json ? `${JSON.stringify({ text })}\n` : `${text}\n`);
}

async function openTokenizer(model: string, io: TerminalIo): Promise<Tokenizer> {
  const source = await openModelSource(model, io.signal);
  try {
    return createTokenizer(await readGguf(source, io.signal));
  } finally {
    await source.close?.();
  }
}
