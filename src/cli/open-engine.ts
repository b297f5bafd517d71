// The engine behind generate and logits.

import { EngineError } from '../core/errors';
import type { OpenEngine } from './engine-port';

export const openTerminalEngine: OpenEngine = async (source) => {
  await source.close?.();
  throw new EngineError('internal', 'This build has no engine.', 'Use inspect, tokenize or detokenize.');
};
