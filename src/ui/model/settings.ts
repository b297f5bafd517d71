// What the user can set about an answer, with the ranges the fields allow. Pure.

import type { CompletionOptions } from '../../core/api';

export interface ChatSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly maxTokens: number;
  /** Undefined: a new seed for every answer. */
  readonly seed: number | undefined;
}

export const DEFAULT_SETTINGS: ChatSettings = { temperature: 0.7, topK: 40, topP: 1, minP: 0, repetitionPenalty: 1, maxTokens: 200, seed: undefined };

export const MAX_SEED = 0xffffffff;

export interface SettingField {
  readonly key: keyof ChatSettings;
  readonly label: string;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

export const SETTING_FIELDS: readonly SettingField[] = [
  { key: 'temperature', label: 'Temperature', hint: '0 always takes the likeliest token', min: 0, max: 2, step: 0.05 },
  { key: 'topK', label: 'Top-k', hint: '0 keeps all tokens', min: 0, max: 1000, step: 1 },
  { key: 'topP', label: 'Top-p', hint: '1 keeps all tokens', min: 0.01, max: 1, step: 0.01 },
  { key: 'minP', label: 'Min-p', hint: '0 keeps all tokens', min: 0, max: 1, step: 0.01 },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', min: 0.5, max: 2, step: 0.05 },
  { key: 'maxTokens', label: 'Longest answer', hint: 'in tokens', min: 1, max: 4096, step: 1 },
  { key: 'seed', label: 'Seed', hint: 'empty: a new one each time', min: 0, max: MAX_SEED, step: 1 },
];

/** A field's text as a number within its range, or undefined if it is not one (for the seed, empty is undefined too). */
export function parseSetting(field: SettingField, text: string): number | undefined {
  if (text.trim() === '') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const stepped = field.step === 1 ? Math.round(value) : value;
  return Math.min(field.max, Math.max(field.min, stepped));
}

/** Settings as request options. `seed` is the one drawn for this answer if the settings have none. */
export function completionOptions(settings: ChatSettings, seed: number): CompletionOptions {
  return {
    temperature: settings.temperature,
    top_k: settings.topK,
    top_p: settings.topP,
    min_p: settings.minP,
    repetition_penalty: settings.repetitionPenalty,
    max_tokens: settings.maxTokens,
    seed,
  };
}
