// How much the browser lets this site store, and whether it promises to keep it.

export interface StorageEstimate {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  /** False: the browser may delete what is stored when the disk runs full. */
  readonly isPersistent: boolean;
}

/** Undefined where the browser does not tell (Node, insecure pages, old browsers). */
export async function estimateStorage(): Promise<StorageEstimate | undefined> {
  const manager = storageManager();
  if (manager === undefined) return undefined;
  try {
    const [estimate, isPersistent] = await Promise.all([manager.estimate(), manager.persisted()]);
    if (estimate.usage === undefined || estimate.quota === undefined) return undefined;
    return { usedBytes: estimate.usage, quotaBytes: estimate.quota, isPersistent };
  } catch {
    return undefined; // opaque origins and some private windows reject
  }
}

/** Asks the browser to keep what is stored. Call it from the page, not the worker: some browsers show a question. True when it is granted. */
export async function askForPersistence(): Promise<boolean> {
  const manager = storageManager();
  if (typeof manager?.persist !== 'function') return false; // workers have no `persist`
  try {
    return (await manager.persisted()) || (await manager.persist());
  } catch {
    return false;
  }
}

function storageManager(): StorageManager | undefined {
  const manager = typeof navigator === 'undefined' ? undefined : (navigator as { storage?: StorageManager }).storage;
  return typeof manager?.estimate === 'function' && typeof manager.persisted === 'function' ? manager : undefined;
}
