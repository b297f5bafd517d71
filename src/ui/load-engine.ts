// The one place where the components meet the engine: everything else in this folder knows it only by its types.

import type { EngineApi, LoadOptions, ModelSource } from '../core/api';

/** Loads a model and resolves with its engine; rejects with an EngineError. The shape of `Engine.load`. */
export type EngineLoader = (source: ModelSource, options: LoadOptions) => Promise<EngineApi>;

/** The real loader. The client is imported on first use, so that a page which is handed an engine never fetches it. */
export const loadEngine: EngineLoader = async (source, options) => {
  const { Engine } = await import('../worker/client');
  return Engine.load(source, options);
};
