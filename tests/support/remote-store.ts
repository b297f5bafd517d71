// The OPFS store of a worker, from the page: what a tab of its own would have.

import * as Comlink from 'comlink';
import type { HandleMode } from '../../src/storage/opfs-files';
import type { RecordStore } from '../../src/storage/record-store';
import { unwrap } from '../../src/worker/protocol';
import type { StoreMethod, StoreWorkerApi } from './store-worker';

export class RemoteStore implements RecordStore {
  readonly kind = 'opfs';
  readonly isGuarded = true;
  readonly worker: Worker;
  readonly api: Comlink.Remote<StoreWorkerApi>;

  private constructor() {
    this.worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
    this.api = Comlink.wrap<StoreWorkerApi>(this.worker);
  }

  static async open(name: string, mode: HandleMode = 'readwrite-unsafe'): Promise<RemoteStore> {
    const store = new RemoteStore();
    unwrap(await store.api.open(name, mode));
    return store;
  }

  readonly get = (key: string) => this.#call<Uint8Array | undefined>('get', key);
  readonly getMany = (keys: readonly string[]) => this.#call<ReadonlyArray<Uint8Array | undefined>>('getMany', [...keys]);
  readonly putMany = (entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>) => this.#call<void>('putMany', [...entries]);
  readonly deleteMany = (keys: readonly string[]) => this.#call<void>('deleteMany', [...keys]);
  readonly deletePrefix = (prefix: string) => this.#call<void>('deletePrefix', prefix);
  readonly keys = (prefix: string) => this.#call<string[]>('keys', prefix);
  readonly close = () => this.#call<void>('close');

  async #call<T>(method: StoreMethod, ...words: unknown[]): Promise<T> {
    return unwrap(await this.api.call(method, ...words)) as T;
  }
}
