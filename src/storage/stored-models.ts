// All models that are stored for this site, whichever store has them, for a page or a worker with no model loaded.

import type { StoredModel } from '../core/api';
import { EngineError } from '../core/errors';
import { IndexedDbStore } from './indexeddb-store';
import { type ModelManifest, decodeManifest } from './manifest';
import { MANIFEST_PREFIX, ModelLibrary } from './model-library';
import { DATABASE_NAME } from './open-store';
import { openOpfsFolder } from './opfs-folder';
import { removeFolder } from './opfs-files';
import { RECORD_HEADER_BYTES, isModelId } from './record';
import type { RecordStore } from './record-store';
import { storageError } from './storage-error';

/** Used last first. Rejects with 'storage-unavailable' where nothing can be stored. */
export async function storedModels(name = DATABASE_NAME): Promise<StoredModel[]> {
  const store = new IndexedDbStore(name);
  try {
    const models = await modelsIn(store, await openOpfsFolder(name));
    return models.sort((a, b) => b.lastUsedAt - a.lastUsedAt);
  } finally {
    await store.close();
  }
}

/** Frees what is stored of the model. Rejects with 'storage-unavailable' while it is open, here or in another tab. */
export async function deleteStoredModel(id: string, name = DATABASE_NAME): Promise<void> {
  if (!isModelId(id)) throw new EngineError('invalid-argument', `"${id}" is not the id of a stored model.`, 'Take an id from storedModels().');
  const store = new IndexedDbStore(name);
  try {
    // Files first: with them gone and the rest not, the model is still listed, and can be deleted again.
    await ModelLibrary.delete(store, id, async () => {
      const folder = await openOpfsFolder(name);
      if (folder) await removeFolder(folder, id);
    });
  } catch (thrown) {
    throw storageError(thrown);
  } finally {
    await store.close();
  }
}

async function modelsIn(store: RecordStore, folder: FileSystemDirectoryHandle | undefined): Promise<StoredModel[]> {
  const manifestKeys = (await store.keys(MANIFEST_PREFIX)).filter((key) => isModelId(key.slice(MANIFEST_PREFIX.length)));
  const stored = await store.getMany(manifestKeys);
  const models = manifestKeys.map(async (key, index): Promise<StoredModel[]> => {
    const manifest = stored[index] && decodeManifest(stored[index]);
    if (!manifest) return [];
    const id = key.slice(MANIFEST_PREFIX.length);
    const { sourceName, modelName, complete, lastUsedAt } = manifest;
    const bytes = recordBytes(await store.keys(`${id}/`), id, manifest) + (await fileBytes(folder, id));
    return [{ id, name: modelName ?? fileName(sourceName), source: sourceName, bytes, lastUsedAt, isComplete: complete }];
  });
  return (await Promise.all(models)).flat();
}

/** Of the records with these keys, as the manifest tells their sizes; header and profile are small. */
function recordBytes(keys: readonly string[], id: string, { layout }: ModelManifest): number {
  const trunk = new Map(layout.trunk.map(({ name, sizeBytes }) => [`${id}/trunk/${name}`, sizeBytes]));
  return keys.reduce((sum, key) => {
    const layer = /\/expert\/(\d+)\//.exec(key)?.[1];
    const payloadBytes = layer === undefined ? trunk.get(key) : layout.expertBytes[Number(layer)];
    return sum + RECORD_HEADER_BYTES + (payloadBytes ?? 0);
  }, 0);
}

/** 0 where the browser does not say. */
async function fileBytes(folder: FileSystemDirectoryHandle | undefined, id: string): Promise<number> {
  let bytes = 0;
  try {
    const files = await folder?.getDirectoryHandle(id);
    if (!files) return 0;
    for await (const name of files.keys()) bytes += (await (await files.getFileHandle(name)).getFile()).size;
  } catch {
    // No such folder, or a file that is being removed.
  }
  return bytes;
}

function fileName(source: string): string {
  return source.slice(source.lastIndexOf('/') + 1);
}
