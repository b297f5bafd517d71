// logits: the model's output for given tokens, and the route that each took. For comparing implementations.

import type { OpenEngine } from './engine-port';
import { type LoadChoices, withEngine } from './generate';
import type { TerminalIo } from './io';

const SHOWN_TOKENS = 10;

interface LogitsCommand {
  readonly model: string;
  readonly json: boolean;
  readonly tokens: readonly number[];
}

export async function logits({ model, json, tokens }: LogitsCommand, load: LoadChoices, io: TerminalIo, openEngine: OpenEngine): Promise<void> {
  await withEngine(model, load, io, openEngine, async (engine) => {
    const { logits: values, routes } = await engine.logits(tokens, { signal: io.signal });
    if (json) return io.out(`${JSON.stringify({ logits: Array.from(values), routes })}\n`);
    const best = Array.from(values, (logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit);
    io.out(`token\tlogit of the last position\n`);
    for (const { logit, token } of best.slice(0, SHOWN_TOKENS)) io.out(`${token}\t${logit.toFixed(5)}\n`);
    for (const [layer, route] of (routes.at(-1) ?? []).entries()) {
      io.out(`layer ${layer}\t${route.experts.map((expert, index) => `${expert} (${route.weights[index]?.toFixed(3)})`).join('  ')}\n`);
    }
  });
}
