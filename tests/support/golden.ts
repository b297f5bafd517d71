// What the demo model must give: recorded once by an f32 implementation of its own over the same weights (its file tells how).

import recorded from '../golden/demo-q8_0.json';

export interface GoldenPrompt {
  readonly domain: string;
  readonly tokens: readonly number[];
  /** Logits after the last token [token id]; six digits. */
  readonly lastLogits: readonly number[];
  /** [layer][token][k], strongest first. */
  readonly experts: ReadonlyArray<ReadonlyArray<readonly number[]>>;
  readonly weights: ReadonlyArray<ReadonlyArray<readonly number[]>>;
  /** What follows the prompt when the best token is always taken. */
  readonly greedyTokens: readonly number[];
}

export const GOLDEN_PROMPTS: readonly GoldenPrompt[] = recorded.prompts.map((prompt) => ({
  domain: prompt.domain,
  tokens: prompt.token_ids,
  lastLogits: prompt.logits_last,
  experts: prompt.experts,
  weights: prompt.weights,
  greedyTokens: prompt.greedy_ids,
}));

export function goldenPrompt(domain: string): GoldenPrompt {
  const found = GOLDEN_PROMPTS.find((prompt) => prompt.domain === domain);
  if (!found) throw new Error(`no golden prompt of ${domain}`);
  return found;
}

/** Prompts and answers one after the other until there are `tokenCount` tokens: text that the model knows, long enough for several chunks. */
export function longPrompt(tokenCount: number): number[] {
  const tokens = GOLDEN_PROMPTS.flatMap((prompt) => [...prompt.tokens, ...prompt.greedyTokens]);
  if (tokens.length < tokenCount) throw new Error(`the golden prompts have ${tokens.length} tokens, not ${tokenCount}`);
  return tokens.slice(0, tokenCount);
}
