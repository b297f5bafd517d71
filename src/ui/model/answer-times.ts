// Where the time of an answer went, as parts of the whole. Pure.

import type { EngineStats } from '../../core/api';

export interface TimePart {
  readonly name: 'compute' | 'halt' | 'read' | 'checksum' | 'upload' | 'wait' | 'other';
  readonly title: string;
  readonly meaning: string;
  readonly ms: number;
  /** Of the whole; 0 when there was no answer. */
  readonly share: number;
}

/** Seven parts that add up to the whole, whichever is larger: what passed, or what was measured of it. */
export function timeParts({ times, elapsedMs }: Pick<EngineStats, 'times' | 'elapsedMs'>): readonly TimePart[] {
  const measured: ReadonlyArray<Omit<TimePart, 'share'>> = [
    { name: 'compute', title: 'Compute', meaning: 'computing: handing out work and waiting until it is done', ms: times.computeMs },
    { name: 'halt', title: 'Halts', meaning: 'steps that missed an expert: the readback, and looking ahead for more', ms: times.haltMs },
    { name: 'read', title: 'Read', meaning: 'reading experts that were waited for', ms: times.readMs },
    { name: 'checksum', title: 'Check', meaning: 'checking that what was read is whole', ms: times.checksumMs },
    { name: 'upload', title: 'Upload', meaning: 'handing experts to the device', ms: times.uploadMs },
    { name: 'wait', title: 'Queues', meaning: 'the rest of the time that experts were waited for', ms: times.waitMs },
  ];
  const sumMs = measured.reduce((sum, { ms }) => sum + ms, 0);
  const wholeMs = Math.max(elapsedMs, sumMs);
  const other = { name: 'other', title: 'Other', meaning: 'reading and writing text, and everything else', ms: wholeMs - sumMs } as const;
  return [...measured, other].map((part) => ({ ...part, share: wholeMs > 0 ? part.ms / wholeMs : 0 }));
}

/** "640 ms", "3.4 s", "128 s". */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${ms > 0 && ms < 9.95 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  return `${(ms / 1000).toFixed(ms < 99_950 ? 1 : 0)} s`;
}

/** "It halted 12 times; without looking ahead it would have been 31." */
export function haltSentence({ halts, missingLayers }: Pick<EngineStats, 'halts' | 'missingLayers'>): string {
  if (halts === 0 && missingLayers === 0) return 'It never halted: every expert was there.';
  const times = halts === 1 ? 'once' : `${halts.toLocaleString('en-US')} times`;
  if (missingLayers <= halts) return `It halted ${times} for missing experts; looking ahead saved none.`;
  return `It halted ${times} for missing experts; without looking ahead it would have been ${missingLayers.toLocaleString('en-US')}.`;
}

/** "45 experts were brought in, 30 of them by looking ahead; 28 of those were used." */
export function loadSentence({ all, lookAhead, lookAheadUsed }: EngineStats['loads']): string | undefined {
  if (all === 0) return undefined;
  const count = (value: number) => value.toLocaleString('en-US');
  const brought = `${count(all)} ${all === 1 ? 'expert was' : 'experts were'} brought in`;
  return lookAhead === 0 ? `${brought}.` : `${brought}, ${count(lookAhead)} of them by looking ahead; ${count(lookAheadUsed)} of those were used.`;
}
