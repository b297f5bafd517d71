// A connection to one database with one object store, as idb-keyval's functions take it (its `UseStore`), that outlives what happens to connections:
// the browser closes them when the user clears site data, and another tab that deletes the database asks ours to go ('versionchange').
// idb-keyval's own `createStore` forgets a connection on 'close' alone, blocks such a delete, and cannot be closed; hence this one.

import { promisifyRequest } from 'idb-keyval';
import type { UseStore } from 'idb-keyval';
import { EngineError } from '../core/errors';
import { errorName, storageError } from './storage-error';

const OBJECT_STORE = 'records';

/** Calls that were under way together fail together, one after the other may fail on a connection that is closing as well. */
const ATTEMPTS = 3;

export class IndexedDbConnection {
  readonly #databaseName: string;
  #database: Promise<IDBDatabase> | undefined;
  #isClosed = false;

  constructor(databaseName: string) {
    this.#databaseName = databaseName;
  }

  /** Runs `callback` in one transaction; again on a new connection when this one is lost, so it must bear being done twice. Rejects with EngineError. */
  readonly use: UseStore = async (mode, callback) => {
    for (let attempt = 1; ; attempt++) {
      if (this.#isClosed) throw new EngineError('disposed', 'The store was closed.', 'Load the model again.');
      const database = (this.#database ??= this.#open());
      let transaction: IDBTransaction | undefined;
      let requestError: DOMException | null = null;
      try {
        transaction = (await database).transaction(OBJECT_STORE, mode);
        transaction.addEventListener('error', (event) => (requestError = (event.target as IDBRequest).error));
        return await callback(transaction.objectStore(OBJECT_STORE));
      } catch (thrown) {
        // When a request fails, idb-keyval rejects before the transaction has its error, so with null. Waiting for the 'abort' event is no way out:
        // Chromium 156 does not send it to transactions that were still queued when their connection was closed by force.
        const cause: unknown = thrown ?? requestError;
        if (attempt === ATTEMPTS || !isLostConnection(cause)) throw storageError(cause);
        transaction?.db.close();
        this.#forget(database);
      }
    }
  };

  /** Transactions under way are finished. Does not wait: an open request may never be answered. */
  close(): void {
    this.#isClosed = true;
    this.#database?.then(
      (connection) => connection.close(),
      () => undefined, // it never opened; whoever waited for it was told
    );
    this.#database = undefined;
  }

  #open(): Promise<IDBDatabase> {
    const opening = this.#connect();
    opening.then(
      (connection) => {
        connection.addEventListener('close', () => this.#forget(opening));
        connection.addEventListener('versionchange', () => {
          connection.close();
          this.#forget(opening);
        });
      },
      () => this.#forget(opening),
    );
    return opening;
  }

  async #connect(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#databaseName);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(OBJECT_STORE));
    return promisifyRequest(request);
  }

  #forget(database: Promise<IDBDatabase>): void {
    if (this.#database === database) this.#database = undefined;
  }
}

/**
 * Whether the connection was closed by force: before the transaction began (InvalidStateError), in it (AbortError, or an abort without any error) or,
 * in Chromium when site data is cleared, while it opens (UnknownError). Nothing here aborts a transaction itself.
 */
function isLostConnection(cause: unknown): boolean {
  return cause === null || ['InvalidStateError', 'AbortError', 'UnknownError'].includes(errorName(cause) ?? '');
}
