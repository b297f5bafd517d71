// Golden answers as text, which is what a page shows.

import { readGguf } from '../../src/formats/gguf';
import { createTokenizer } from '../../src/model/tokenizer';
import { demoSource } from './demo-model';
import { goldenPrompt } from './golden';

/** A golden prompt and the text of the first `tokenCount` tokens of its greedy answer. */
export async function goldenText(domain: string, tokenCount: number): Promise<{ readonly prompt: string; readonly answer: string }> {
  const tokenizer = createTokenizer(await readGguf(await demoSource()));
  const { tokens, greedyTokens } = goldenPrompt(domain);
  return { prompt: tokenizer.decode(tokens), answer: tokenizer.decode(greedyTokens.slice(0, tokenCount)) };
}
