// Simulates in a thread of its own, so that the page stays free and a run can be ended at any moment. Takes one SimulationSpec, answers with its parts.

import { type SimulationPart, type SimulationSpec, simulateAll } from '../model/simulation';

export type SimulationEvent =
  { readonly kind: 'part'; readonly part: SimulationPart } | { readonly kind: 'done' } | { readonly kind: 'failed'; readonly message: string };

const tell = (event: SimulationEvent): void => self.postMessage(event);

self.addEventListener('message', ({ data }: MessageEvent<SimulationSpec>) => {
  try {
    for (const part of simulateAll(data)) tell({ kind: 'part', part });
    tell({ kind: 'done' });
  } catch (thrown) {
    tell({ kind: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
});
