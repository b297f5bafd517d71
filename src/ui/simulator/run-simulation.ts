// The page's end of a simulation: a worker for one run, ended with the run.

import { EngineError, aborted } from '../../core/errors';
import type { SimulationPart, SimulationSpec } from '../model/simulation';
import type { SimulationEvent } from './simulation-worker';

/** Hands every part to `onPart` as it comes. Rejects with an EngineError; 'aborted' when the signal said so. */
export function runSimulation(spec: SimulationSpec, onPart: (part: SimulationPart) => void, signal: AbortSignal): Promise<void> {
  const worker = new Worker(new URL('./simulation-worker.ts', import.meta.url), { type: 'module', name: 'sluice-simulation' });
  return new Promise<void>((resolve, reject) => {
    const fail = (message: string): void => reject(new EngineError('invalid-argument', `The trace could not be simulated: ${message}`, 'Record another one.'));
    signal.addEventListener('abort', () => reject(aborted()), { once: true });
    worker.addEventListener('error', ({ message }) => fail(message || 'its worker did not start'));
    worker.addEventListener('message', ({ data }: MessageEvent<SimulationEvent>) => {
      if (data.kind === 'part') onPart(data.part);
      else if (data.kind === 'done') resolve();
      else fail(data.message);
    });
    worker.postMessage(spec);
  }).finally(() => worker.terminate());
}
