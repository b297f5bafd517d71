// What lies in the expert store of a page, read there with IndexedDB alone: none of our own storage code is in between.

import type { Page } from 'playwright-core';

export interface StoredModel {
  readonly id: string;
  readonly sourceName: string;
  readonly isComplete: boolean;
  /** First four bytes of every expert's record, without repetitions. */
  readonly magics: readonly string[];
  /** Sizes of the experts' records, without repetitions. */
  readonly recordBytes: readonly number[];
  readonly expertCount: number;
  readonly trunkCount: number;
}

/** Every model in the database 'sluice'. */
export async function storedModels(page: Page): Promise<StoredModel[]> {
  return page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'));
      });
    const database = await settled(indexedDB.open('sluice'));
    const store = database.transaction('records').objectStore('records');
    const keys = (await settled(store.getAllKeys())) as string[];
    const values = (await settled(store.getAll())) as Blob[];
    database.close();
    const blobs = new Map(keys.map((key, index) => [key, values[index]!]));
    const models = [...blobs.keys()].filter((key) => key.startsWith('manifest/'));
    return Promise.all(
      models.map(async (key) => {
        const id = key.slice('manifest/'.length);
        const manifest = JSON.parse(await blobs.get(key)!.text()) as { sourceName: string; complete: boolean };
        const experts = [...blobs].filter(([name]) => name.startsWith(`${id}/expert/`)).map(([, blob]) => blob);
        const magics = await Promise.all(experts.map((blob) => blob.slice(0, 4).text()));
        return {
          id,
          sourceName: manifest.sourceName,
          isComplete: manifest.complete,
          magics: [...new Set(magics)],
          recordBytes: [...new Set(experts.map(({ size }) => size))],
          expertCount: experts.length,
          trunkCount: [...blobs.keys()].filter((name) => name.startsWith(`${id}/trunk/`)).length,
        };
      }),
    );
  });
}
