// What the browser's stores throw, as EngineError 'storage-quota' or 'storage-unavailable'.

import { EngineError } from '../core/errors';

export function storageError(thrown: unknown, where = 'database (IndexedDB)'): EngineError {
  if (thrown instanceof EngineError) return thrown;
  if (errorName(thrown) === 'QuotaExceededError') {
    return new EngineError(
      'storage-quota',
      'The browser refuses to store more for this site.',
      'Free disk space, or delete stored models of this site; until then experts are read from the model file again.',
      thrown,
    );
  }
  return new EngineError(
    'storage-unavailable',
    `The browser cannot open or use its ${where}.`,
    'Leave the private window, allow site data for this page, or load with the store "memory".',
    thrown,
  );
}

export function errorName(thrown: unknown): string | undefined {
  return thrown instanceof Error || thrown instanceof DOMException ? thrown.name : undefined;
}
