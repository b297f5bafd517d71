// generate: text from a prompt. Plain output streams the text; with --json one document at the end.

import type { EngineStats, GeneratedToken, SamplingOptions } from '../core/api';
import { invalidArgument } from './arguments';
import type { EngineOptions, OpenEngine, TerminalEngine } from './engine-port';
import type { TerminalIo } from './io';
import { ProgressLine } from './progress';

export interface GenerateCommand extends SamplingOptions {
  readonly model: string;
  readonly json: boolean;
  readonly prompt?: string;
  readonly tokens?: readonly number[];
  readonly maxTokens: number;
  /** Wrap the prompt in the model's chat template, if it has one. */
  readonly chat: boolean;
  readonly ignoreEos: boolean;
  readonly stop: readonly string[];
}

export type LoadChoices = Omit<EngineOptions, 'signal' | 'onProgress'>;

export async function generate(command: GenerateCommand, load: LoadChoices, io: TerminalIo, openEngine: OpenEngine): Promise<void> {
  if ((command.prompt === undefined) === (command.tokens === undefined)) throw invalidArgument('generate needs either --prompt or --tokens.');
  const { model, json, prompt, tokens, chat, stop, ...sampling } = command;
  await withEngine(model, load, io, openEngine, async (engine) => {
    const promptTokens = tokens ?? promptOf(engine, prompt ?? '', chat);
    if (promptTokens.length === 0) throw invalidArgument('The prompt is empty.', 'Give at least one token to start from.');
    const onToken = (token: GeneratedToken) => {
      if (!json && token.text !== '') io.out(token.text);
    };
    const result = await engine.generate({ ...sampling, tokens: promptTokens, stopStrings: stop }, { signal: io.signal, onToken });
    if (json) {
      const { text, finishReason, stats } = result;
      io.out(`${JSON.stringify({ text, tokens: result.tokens, finishReason, promptTokens, stats })}\n`);
    } else {
      io.out('\n');
      io.err(`${describeStats(result.stats)}\n`);
    }
  });
}

/** Loads a model with progress on standard error, runs the body, and disposes the engine whatever happens. */
export async function withEngine(
  model: string,
  load: LoadChoices,
  io: TerminalIo,
  openEngine: OpenEngine,
  body: (engine: TerminalEngine) => Promise<void>,
): Promise<void> {
  const progress = new ProgressLine(io);
  let engine: TerminalEngine;
  try {
    engine = await openEngine(model, { ...load, signal: io.signal, onProgress: (state) => progress.update(state) });
  } finally {
    progress.close();
  }
  try {
    for (const notice of [engine.model.fallbackReason, ...engine.model.notices]) if (notice !== undefined) io.err(`${notice}\n`);
    await body(engine);
  } finally {
    await engine.dispose();
  }
}

export function promptOf(engine: TerminalEngine, prompt: string, chat: boolean): readonly number[] {
  return chat && engine.model.hasChatTemplate ? engine.formatChat([{ role: 'user', content: prompt }]) : engine.tokenize(prompt);
}

function describeStats(stats: EngineStats): string {
  const lookUps = stats.expertHits + stats.expertMisses;
  const facts = [
    `${stats.generatedTokens} tokens`,
    `${stats.decodeTokensPerSecond.toFixed(1)} tokens/s`,
    `prompt ${stats.promptTokens} at ${stats.prefillTokensPerSecond.toFixed(1)}/s`,
    ...(lookUps > 0 ? [`${((100 * stats.expertHits) / lookUps).toFixed(1)}% expert hits`, `${stats.halts} halts`] : []),
    `${stats.backend}: ${stats.adapter}`,
  ];
  return `(${facts.join(' · ')})`;
}
