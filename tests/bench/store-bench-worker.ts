// The stores are measured where the engine uses them: in a worker.

import { IndexedDbStore } from '../../src/storage/indexeddb-store';
import { OpfsStore } from '../../src/storage/opfs-store';
import { openOpfsFolder } from '../../src/storage/opfs-folder';
import { type StoreBenchResult, benchStore } from './store-rates';

export interface StoreBenchRequest {
  readonly kind: 'opfs' | 'indexeddb';
  readonly totalBytes: number;
  readonly expertBytes: number;
}

export type StoreBenchReply = { readonly result: StoreBenchResult } | { readonly error: string };

const NAME = 'sluice-bench';

globalThis.onmessage = ({ data }: MessageEvent<StoreBenchRequest>) => {
  run(data).then(
    (result) => postMessage({ result } satisfies StoreBenchReply),
    (thrown: unknown) => postMessage({ error: String(thrown) } satisfies StoreBenchReply),
  );
};

async function run({ kind, totalBytes, expertBytes }: StoreBenchRequest): Promise<StoreBenchResult> {
  const database = new IndexedDbStore(NAME);
  const folder = kind === 'opfs' ? await openOpfsFolder(NAME) : undefined;
  if (kind === 'opfs' && !folder) throw new Error('There is no OPFS here.');
  const store = folder ? new OpfsStore(folder, database) : database;
  try {
    return await benchStore(store, totalBytes, expertBytes);
  } finally {
    await store.close();
  }
}
