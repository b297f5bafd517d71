// Which store to use: the one asked for, or the best one that works here. Between IndexedDB and OPFS a short measurement decides at the first visit; IndexedDB
// remembers what came of it. IndexedDB has the manifests in any case, so without it there is no OPFS either.

import type { StorageReport, StoreRates } from '../core/api';
import { EngineError } from '../core/errors';
import { IndexedDbStore } from './indexeddb-store';
import { exclusively } from './locks';
import { measureStore } from './measure-store';
import { MemoryStore } from './memory-store';
import { hasSyncHandles, openOpfsFolder } from './opfs-folder';
import { OpfsStore } from './opfs-store';
import type { RecordStore, StoreKind } from './record-store';

export type StoreChoice = 'auto' | StoreKind;

export interface OpenedStore {
  readonly store: RecordStore;
  readonly report: StorageReport;
  /** What the user should know; empty when all is as wanted. */
  readonly notices: readonly string[];
}

export interface OpenStoreOptions {
  /** Milliseconds from any origin. */
  readonly clock: () => number;
  /** Of the database and of the folder in OPFS. */
  readonly name?: string;
}

export const DATABASE_NAME = 'sluice';

/** Some browsers never answer an open request when their database is damaged or blocked (WebKit bug 226547); a load must not hang on that. */
const OPEN_TIMEOUT_MS = 5000;

const PROBE_KEY = 'probe';
const MEASURED_KEY = 'store-rates';
const MEASURED_VERSION = 1;

type Rates = Readonly<Record<'opfs' | 'indexeddb', StoreRates>>;

/** Rejects with EngineError 'storage-unavailable' when a store is asked for by name and does not work; 'auto' takes memory at the last and says so. */
export async function openRecordStore(choice: StoreChoice, { clock, name = DATABASE_NAME }: OpenStoreOptions): Promise<OpenedStore> {
  if (choice === 'memory') return opened(new MemoryStore());
  if (choice !== 'opfs' && choice !== 'indexeddb' && choice !== 'auto') {
    throw new EngineError('invalid-argument', `store is "${String(choice)}".`, 'Choose "auto", "opfs", "indexeddb" or "memory".');
  }
  let database: RecordStore;
  try {
    database = await openIndexedDb(name);
  } catch (thrown) {
    if (choice !== 'auto') throw EngineError.from(thrown);
    return opened(new MemoryStore(), undefined, [
      'Nothing can be stored in this browser window (it may be private, or site data is blocked), so the model is downloaded again next time.',
    ]);
  }
  if (choice === 'indexeddb') return opened(database);
  const folder = hasSyncHandles() ? await openOpfsFolder(name) : undefined;
  if (!folder) {
    if (choice === 'auto') return opened(database);
    await database.close();
    throw unavailable('There is no file system for pages (OPFS) here.', 'Load with the store "auto".');
  }
  const files = new OpfsStore(folder, database);
  if (choice === 'opfs') return opened(files);
  const rates = await ratesOf(files, database, clock, name);
  return rates && rates.opfs.readBytesPerSecond >= rates.indexeddb.readBytesPerSecond ? opened(files, rates) : opened(database, rates);
}

function opened(store: RecordStore, rates?: Rates, notices: readonly string[] = []): OpenedStore {
  return { store, report: { kind: store.kind, ...(rates && { rates }) }, notices };
}

/** Remembered, or measured. Undefined when a store fails while it is measured, the disk is full for instance: IndexedDB is the one that always works. */
async function ratesOf(files: RecordStore, database: RecordStore, clock: () => number, name: string): Promise<Rates | undefined> {
  try {
    // One tab measures, the others wait and find what it found.
    return await exclusively(`sluice/${name}/measure`, async () => {
      const known = decodeRates(await database.get(MEASURED_KEY));
      if (known) return known;
      const rates = { indexeddb: await measureStore(database, clock), opfs: await measureStore(files, clock) };
      await database.putMany([[MEASURED_KEY, new TextEncoder().encode(JSON.stringify({ version: MEASURED_VERSION, ...rates }))]]);
      return rates;
    });
  } catch {
    return undefined;
  }
}

function decodeRates(bytes: Uint8Array | undefined): Rates | undefined {
  if (!bytes) return undefined;
  try {
    const { version, opfs, indexeddb } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Rates> & { readonly version?: unknown };
    return version === MEASURED_VERSION && isRates(opfs) && isRates(indexeddb) ? { opfs, indexeddb } : undefined;
  } catch {
    return undefined;
  }
}

function isRates(rates: StoreRates | undefined): rates is StoreRates {
  return Number.isFinite(rates?.readBytesPerSecond) && Number.isFinite(rates?.writeBytesPerSecond);
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

function unavailable(message: string, hint = 'Leave the private window, allow site data for this page, or load with the store "memory".'): EngineError {
  return new EngineError('storage-unavailable', message, hint);
}
