// Recorded routes of the demo model: 3,072 tokens in each of seven domains, 6 layers, 4 of 32 experts; made outside this project with the model's f32 weights.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Trace, joinTraces, sequenceStarts, sliceTrace } from '../../src/probe/trace';
import { decodeTrace } from '../../src/probe/trace-file';

export const DOMAINS = ['tinystories', 'synth', 'tales', 'code', 'french', 'german', 'wiki'] as const;

export const goldenRoutes: Trace = decodeTrace(readFileSync(join(import.meta.dirname, '../golden/demo-routes.trace')));

/** Tokens first … end - 1 of domains, one domain after the other. */
export function routesOf(domains: readonly (typeof DOMAINS)[number][], first: number, end: number): Trace {
  const starts = sequenceStarts(goldenRoutes);
  return joinTraces(domains.map((domain) => sliceTrace(goldenRoutes, starts[DOMAINS.indexOf(domain)]! + first, starts[DOMAINS.indexOf(domain)]! + end)));
}
