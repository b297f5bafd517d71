// A routing trace by the name that a command was given: a file, or one that is made up.

import { readFileSync } from 'node:fs';
import { EngineError } from '../core/errors';
import { GiB } from '../core/units';
import { SYNTHETIC_MODELS, syntheticTrace } from '../probe/synthetic';
import { type Trace, sequenceHeads } from '../probe/trace';
import { decodeTrace } from '../probe/trace-file';
import { invalidArgument } from './arguments';

export const TRACE_HELP = 'a file that `sluice trace` wrote, or synthetic:NAME';

const SYNTHETIC_TOKENS = 4096;
const SYNTHETIC_SEED = 1;
/** A trace is read whole. */
const MAX_TRACE_BYTES = 2 * GiB;

/** `tokens`: of each sequence only the first so many. Throws when there are none. */
export function openTrace(name: string, tokens: number | undefined): Trace {
  const whole = traceNamed(name);
  const trace = tokens === undefined ? whole : sequenceHeads(whole, tokens);
  if (trace.tokenCount === 0) throw invalidArgument(`${name} has no tokens.`, 'Record a trace with `sluice trace`.');
  return trace;
}

function traceNamed(name: string): Trace {
  const [, synthetic] = /^synthetic:(.*)$/.exec(name) ?? [];
  if (synthetic === undefined) return decodeTrace(read(name));
  const statistics = Object.hasOwn(SYNTHETIC_MODELS, synthetic) ? SYNTHETIC_MODELS[synthetic] : undefined;
  if (!statistics) throw invalidArgument(`There is no synthetic trace "${synthetic}".`, `Use one of ${Object.keys(SYNTHETIC_MODELS).join(', ')}.`);
  return syntheticTrace(statistics, SYNTHETIC_TOKENS, SYNTHETIC_SEED);
}

function read(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (thrown) {
    throw new EngineError('source-not-found', `The trace ${file} cannot be read.`, 'Name a file that `sluice trace` wrote.', thrown);
  }
  if (bytes.byteLength > MAX_TRACE_BYTES) throw invalidArgument(`The trace ${file} is larger than 2 GiB.`, 'Record fewer tokens.');
  return bytes;
}
