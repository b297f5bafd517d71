// Which store to use: the one asked for, or the best one that works here.

import { EngineError } from '../core/errors';
import { IndexedDbStore } from './indexeddb-store';
import { MemoryStore } from './memory-store';
import type { RecordStore } from './record-store';

export type StoreChoice = 'auto' | 'indexeddb' | 'memory';

export interface OpenedStore {
  readonly store: RecordStore;
  /** What the user should know; empty when all is as wanted. */
  readonly notices: readonly string[];
}

const DATABASE_NAME = 'sluice';

/** Some browsers never answer an open request when their database is damaged or blocked (WebKit bug 226547); a load must not hang on that. */
const OPEN_TIMEOUT_MS = 5000;

const PROBE_KEY = 'probe';

/** Rejects with EngineError 'storage-unavailable' when 'indexeddb' is asked for and does not work; 'auto' takes memory then and says so. */
export async function openRecordStore(choice: StoreChoice, databaseName = DATABASE_NAME): Promise<OpenedStore> {
  if (choice === 'memory') return { store: new MemoryStore(), notices: [] };
  if (choice !== 'indexeddb' && choice !== 'auto') {
    throw new EngineError('invalid-argument', `store is "${String(choice)}".`, 'Choose "auto", "indexeddb" or "memory".');
  }
  try {
    return { store: await openIndexedDb(databaseName), notices: [] };
  } catch (thrown) {
    if (choice === 'indexeddb') throw EngineError.from(thrown);
    const notice = 'Nothing can be stored in this browser window (it may be private, or site data is blocked), so the model is downloaded again next time.';
    return { store: new MemoryStore(), notices: [notice] };
  }
}

async function openIndexedDb(databaseName: string): Promise<RecordStore> {
  if (!isIndexedDbHere()) throw unavailable('There is no IndexedDB here.');
  const store = new IndexedDbStore(databaseName);
  const timeout = startTimeout();
  try {
    await Promise.race([probe(store), timeout.expired]);
    return store;
  } catch (thrown) {
    await store.close();
    throw thrown;
  } finally {
    timeout.stop();
  }
}

/**
 * A record must come back: private windows may open a database and then refuse Blobs. The probe stays, since deleting it would make a second tab
 * that opens at the same time miss it.
 */
async function probe(store: RecordStore): Promise<void> {
  if (isProbe(await store.get(PROBE_KEY))) return;
  try {
    await store.putMany([[PROBE_KEY, Uint8Array.of(1)]]);
  } catch (thrown) {
    // A full disk is no reason to ignore what is stored already.
    if (thrown instanceof EngineError && thrown.code === 'storage-quota') return;
    throw thrown;
  }
  if (!isProbe(await store.get(PROBE_KEY))) throw unavailable('The browser does not give back what it stored.');
}

function isProbe(bytes: Uint8Array | undefined): boolean {
  return bytes?.length === 1 && bytes[0] === 1;
}

/** Where site data is blocked, even looking at `indexedDB` can throw. */
function isIndexedDbHere(): boolean {
  try {
    return typeof indexedDB !== 'undefined' && indexedDB !== null;
  } catch {
    return false;
  }
}

function startTimeout(): { readonly expired: Promise<never>; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable('The browser does not answer when its database (IndexedDB) is opened.')), OPEN_TIMEOUT_MS);
  });
  return { expired, stop: () => clearTimeout(timer) };
}

function unavailable(message: string): EngineError {
  return new EngineError('storage-unavailable', message, 'Leave the private window, allow site data for this page, or load with the store "memory".');
}
