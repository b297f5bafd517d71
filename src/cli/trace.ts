// trace: generates like `generate`, and writes which experts every token was routed to, the prompt's included, to a file (src/probe/trace-file.ts).

import { writeFileSync } from 'node:fs';
import { EngineError } from '../core/errors';
import { formatBytes } from '../core/units';
import { TraceRecorder } from '../probe/trace';
import { encodeTrace } from '../probe/trace-file';
import { invalidArgument } from './arguments';
import type { OpenEngine } from './engine-port';
import { type LoadChoices, promptOf, withEngine } from './generate';
import type { TerminalIo } from './io';

export interface TraceCommand {
  readonly model: string;
  readonly json: boolean;
  readonly prompt: string;
  readonly out: string;
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly chat: boolean;
  readonly ignoreEos: boolean;
}

/** More than any context that can be asked for. */
const MAX_TRACE_TOKENS = 2 ** 22;

export async function recordTrace(
  { model, json, prompt, out, chat, maxTokens, temperature, seed, ignoreEos }: TraceCommand,
  load: LoadChoices,
  io: TerminalIo,
  openEngine: OpenEngine,
): Promise<void> {
  await withEngine(model, load, io, openEngine, async (engine) => {
    const tokens = promptOf(engine, prompt, chat);
    if (tokens.length === 0) throw invalidArgument('The prompt is empty.', 'Give at least one token to start from.');
    const recorder = new TraceRecorder(MAX_TRACE_TOKENS);
    engine.onRouting((part) => recorder.add(part));
    const sampling = { ...(temperature !== undefined && { temperature }), ...(seed !== undefined && { seed }) };
    const { text } = await engine.generate({ ...sampling, tokens, maxTokens, ignoreEos }, { signal: io.signal, onToken: () => undefined });
    const trace = recorder.trace();
    const bytes = encodeTrace(trace);
    save(out, bytes);
    const { layerCount, expertCount, topK, tokenCount } = trace;
    if (json) io.out(`${JSON.stringify({ file: out, bytes: bytes.byteLength, tokenCount, layerCount, expertCount, topK, text })}\n`);
    else io.out(`${out}: ${tokenCount} tokens, ${layerCount} layers, ${topK} of ${expertCount} experts, ${formatBytes(bytes.byteLength)}\n`);
  });
}

function save(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes);
  } catch (thrown) {
    throw new EngineError('invalid-argument', `The trace cannot be written to ${file}.`, 'Name a file in a folder that exists and may be written to.', thrown);
  }
}
