// The one place where the components meet the engine: everything else in this folder knows it only by its types.

import type { EngineApi, LoadOptions, ModelSource, StoredModel } from '../core/api';

/** Loads a model and resolves with its engine; rejects with an EngineError. The shape of `Engine.load`. */
export type EngineLoader = (source: ModelSource, options: LoadOptions) => Promise<EngineApi>;

/** The real loader. The client is imported on first use, so that a page which is handed an engine never fetches it. */
export const loadEngine: EngineLoader = async (source, options) => {
  const { Engine } = await import('../worker/client');
  return Engine.load(source, options);
};

/** What is stored for this site, as the components see it. The statics of `Engine`, and what the browser says of its room. */
export interface ModelShelf {
  list(): Promise<readonly StoredModel[]>;
  remove(id: string): Promise<void>;
  /** Undefined where the browser does not tell. */
  room(): Promise<{ readonly usedBytes: number; readonly quotaBytes: number } | undefined>;
}

export const siteShelf: ModelShelf = {
  async list() {
    const { Engine } = await import('../worker/client');
    return Engine.storedModels();
  },
  async remove(id) {
    const { Engine } = await import('../worker/client');
    await Engine.deleteStoredModel(id);
  },
  async room() {
    try {
      const { usage, quota } = await navigator.storage.estimate();
      return usage === undefined || quota === undefined ? undefined : { usedBytes: usage, quotaBytes: quota };
    } catch {
      return undefined; // insecure pages have no `storage`; opaque origins reject
    }
  },
};
