// A trace from a file, which is not trusted: its form is checked by decodeTrace, its size here, before a simulation makes room for it.

import { EngineError } from '../../core/errors';
import type { Trace } from '../../probe/trace';
import { decodeTrace } from '../../probe/trace-file';
import { MAX_EXPERTS, MAX_LAYERS } from '../model/expert-usage';

const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Rejects with an EngineError that says what is wrong with the file. */
export async function readTraceFile(file: File): Promise<Trace> {
  if (file.size > MAX_FILE_BYTES) throw tooLarge('256 MiB is the most that a page reads');
  const trace = decodeTrace(new Uint8Array(await file.arrayBuffer()));
  if (trace.tokenCount === 0) throw new EngineError('invalid-argument', 'The trace has no tokens.', 'Record a model while it writes.');
  if (trace.layerCount > MAX_LAYERS || trace.expertCount > MAX_EXPERTS) {
    throw tooLarge(`${trace.layerCount} layers of ${trace.expertCount} experts; ${MAX_LAYERS} of ${MAX_EXPERTS} are the most`);
  }
  return trace;
}

function tooLarge(what: string): EngineError {
  return new EngineError('invalid-argument', `The trace is too large for this page: ${what}.`, 'Use `sluice simulate` at the terminal.');
}
