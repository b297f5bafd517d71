// Numbers as the components write them. Pure; English, as all text of the page.

import { formatBytes } from '../../core/units';
import type { LoadPhase, LoadProgress } from '../../core/api';

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** 0.1234 → "12 %", below ten "3.4 %"; "–" for what is not a number (0 of 0). */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const percent = share * 100;
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** "12.3 tokens/s" without the unit: three significant digits at most. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond) || perSecond <= 0) return '–';
  return perSecond >= 99.5 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

/** "8 s", "3 min", "2 h 10 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 21155840 → "21 M", 30_500_000_000 → "30.5 B". */
export function formatParameters(count: number): string {
  for (const [size, unit] of [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (count < size) continue;
    const value = count / size;
    return `${value >= 19.95 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
  }
  return String(count);
}

const PHASE_TITLES: Readonly<Record<LoadPhase, string>> = {
  open: 'Opening the model',
  trunk: 'Loading the trunk',
  experts: 'Loading experts',
  compile: 'Preparing kernels',
  ready: 'Ready',
};

export function phaseTitle(phase: LoadPhase): string {
  return PHASE_TITLES[phase];
}

/** "12.4 MB of 22.8 MB · 8.1 MB/s · 2 s left", as far as it is known. */
export function describeProgress(progress: LoadProgress): string {
  const parts: string[] = [];
  if (progress.bytesTotal > 0) parts.push(`${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)}`);
  else if (progress.bytesDone > 0) parts.push(formatBytes(progress.bytesDone));
  if (progress.bytesPerSecond > 0 && progress.phase !== 'ready') parts.push(`${formatBytes(progress.bytesPerSecond)}/s`);
  if (progress.secondsLeft !== undefined && progress.bytesDone < progress.bytesTotal) parts.push(`${formatSeconds(progress.secondsLeft)} left`);
  return parts.join(' · ');
}

/** A token's text with its white space made visible; tokens of half a character have none. */
export function visibleToken(text: string): string {
  if (text === '') return '∅';
  return text.replaceAll('\n', '↵').replaceAll('\t', '⇥').replaceAll(' ', '·');
}
