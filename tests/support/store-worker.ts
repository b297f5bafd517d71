// A record store in a worker, for tests: OPFS has synchronous handles only there. Answers as the engine's worker does, so that errors arrive whole.

import * as Comlink from 'comlink';
import { IndexedDbStore } from '../../src/storage/indexeddb-store';
import type { HandleMode } from '../../src/storage/opfs-files';
import { OpfsStore } from '../../src/storage/opfs-store';
import type { RecordStore } from '../../src/storage/record-store';
import { type Reply, reply } from '../../src/worker/protocol';

export type StoreMethod = Exclude<keyof RecordStore, 'kind' | 'isGuarded'>;

export interface StoreWorkerApi {
  /** `name` names folder and database. */
  open(name: string, mode: HandleMode): Promise<Reply<null>>;
  call(method: StoreMethod, ...words: unknown[]): Promise<Reply<unknown>>;
  /** Changes one byte of a record where it lies, as a failing disk would. */
  flipByte(name: string, model: string, layer: number, at: number): Promise<Reply<null>>;
}

let store: RecordStore | undefined;

async function folderOf(name: string): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
}

const api: StoreWorkerApi = {
  open: (name, mode) =>
    reply(async () => {
      store = new OpfsStore(await folderOf(name), new IndexedDbStore(name), mode);
      return null;
    }),
  call: (method, ...words) => reply(() => (store![method] as (...all: unknown[]) => Promise<unknown>)(...words)),
  flipByte: (name, model, layer, at) =>
    reply(async () => {
      const folder = await (await folderOf(name)).getDirectoryHandle(model);
      const file = (await folder.getFileHandle(`layer-${layer}.records`)) as FileSystemFileHandle & {
        createSyncAccessHandle(options: { mode: HandleMode }): Promise<{
          read(into: Uint8Array, options: { at: number }): number;
          write(bytes: Uint8Array, options: { at: number }): number;
          close(): void;
        }>;
      };
      const handle = await file.createSyncAccessHandle({ mode: 'readwrite-unsafe' });
      const byte = new Uint8Array(1);
      handle.read(byte, { at });
      byte[0]! ^= 0x10;
      handle.write(byte, { at });
      handle.close();
      return null;
    }),
};

Comlink.expose(api);
