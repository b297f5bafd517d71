// The layer files of one folder of the origin private file system, opened when first asked for and kept open.
//
// A sync access handle locks its file. Chromium can open one with mode "readwrite-unsafe", which tabs may hold side by side; that is safe here, because all
// tabs write the same bytes to a record's place (LayerFile). Where that mode is not known, the option is ignored and the first tab has the file to itself:
// the other tabs then read snapshots of it (`getFile`) and write nothing.
//   Symptom: createSyncAccessHandle rejects with NoModificationAllowedError in the second tab. Source: MDN, FileSystemFileHandle.createSyncAccessHandle, "mode"
//   (Chrome 121; not in Firefox and Safari). Exit: when all three know the mode, `SnapshotFile` and the retries can go.

import { EngineError } from '../core/errors';
import { LayerFile, PLACE_PREFIX_BYTES, type SyncHandle, placeBytesOf, placeOffset, recordBytesOf, recordIn } from './opfs-layer-file';
import { errorName } from './storage-error';

interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { readonly mode: HandleMode }): Promise<SyncHandle>;
}

/** 'readwrite' is for tests: what browsers do that do not know the other. */
export type HandleMode = 'readwrite-unsafe' | 'readwrite';

/** A worker that was ended may hold its locks for a moment (100 ms were not enough on a busy machine). */
const OPEN_TRIES = 12;
const OPEN_RETRY_MS = 100;

/** A file that another tab has locked, as it was when it was looked at last. */
class SnapshotFile {
  readonly #file: File;
  readonly #placeBytes: number;

  private constructor(file: File, placeBytes: number) {
    this.#file = file;
    this.#placeBytes = placeBytes;
  }

  static async of(handle: FileSystemFileHandle): Promise<SnapshotFile> {
    const file = await handle.getFile();
    const head = new Uint8Array(await file.slice(0, PLACE_PREFIX_BYTES).arrayBuffer());
    return new SnapshotFile(file, head.byteLength === PLACE_PREFIX_BYTES ? placeBytesOf(head) : 0);
  }

  /** Undefined too when the other tab has written to the file since. */
  async read(expert: number): Promise<Uint8Array | undefined> {
    if (this.#placeBytes === 0) return undefined;
    const at = placeOffset(expert, this.#placeBytes);
    const place = await this.#file
      .slice(at, at + this.#placeBytes)
      .arrayBuffer()
      .catch(() => undefined);
    return place && recordIn(new Uint8Array(place));
  }

  async experts(): Promise<number[]> {
    if (this.#placeBytes === 0) return [];
    const found: number[] = [];
    for (let expert = 0; placeOffset(expert, this.#placeBytes) < this.#file.size; expert++) {
      const at = placeOffset(expert, this.#placeBytes);
      const prefix = await this.#file
        .slice(at, at + PLACE_PREFIX_BYTES)
        .arrayBuffer()
        .catch(() => new ArrayBuffer(0));
      if (prefix.byteLength === PLACE_PREFIX_BYTES && recordBytesOf(new Uint8Array(prefix)) !== undefined) found.push(expert);
    }
    return found;
  }
}

export class OpfsFiles {
  readonly #directory: FileSystemDirectoryHandle;
  readonly #mode: HandleMode;
  readonly #open = new Map<string, Promise<LayerFile | undefined>>();
  /** Another tab had a file of ours, so there is no point in waiting again. */
  #hasMetLock = false;

  constructor(directory: FileSystemDirectoryHandle, mode: HandleMode = 'readwrite-unsafe') {
    this.#directory = directory;
    this.#mode = mode;
  }

  async read(model: string, layer: number, experts: readonly number[], allocate: (sizeBytes: number) => Uint8Array): Promise<Array<Uint8Array | undefined>> {
    const file = await this.#file(model, layer, false);
    if (file === undefined) return experts.map(() => undefined);
    if (file instanceof LayerFile) return this.#guarded(model, layer, () => experts.map((expert) => file.read(expert, allocate)));
    return Promise.all(experts.map((expert) => file.read(expert)));
  }

  /** The indices of the records that do not fit the file. All that do are written, or none. */
  async write(model: string, layer: number, records: ReadonlyArray<readonly [expert: number, record: Uint8Array]>): Promise<number[]> {
    const file = await this.#file(model, layer, true);
    if (!(file instanceof LayerFile)) throw lockedElsewhere();
    return this.#guarded(model, layer, () => {
      const misfits: number[] = [];
      try {
        records.forEach(([expert, record], index) => {
          if (file.fits(record.byteLength)) file.write(expert, record);
          else misfits.push(index);
        });
      } catch (thrown) {
        for (const [expert] of records) file.clear(expert);
        throw thrown;
      }
      return misfits;
    });
  }

  async clear(model: string, layer: number, experts: readonly number[]): Promise<void> {
    const file = await this.#file(model, layer, false);
    if (file instanceof LayerFile) await this.#guarded(model, layer, () => experts.forEach((expert) => file.clear(expert)));
    else if (file) throw lockedElsewhere();
  }

  async models(): Promise<string[]> {
    return namesIn(this.#directory, 'directory');
  }

  async layers(model: string): Promise<number[]> {
    const folder = await this.#folder(model, false);
    if (!folder) return [];
    return (await namesIn(folder, 'file')).flatMap((name) => Number(/^layer-(\d+)\.records$/.exec(name)?.[1] ?? Number.NaN)).filter(Number.isInteger);
  }

  async experts(model: string, layer: number): Promise<number[]> {
    const file = await this.#file(model, layer, false);
    return file === undefined ? [] : file.experts();
  }

  /** Gives the room back. Rejects when another tab has a file of the model open. */
  async remove(model: string): Promise<void> {
    await Promise.all([...this.#open.keys()].filter((key) => key.startsWith(`${model}/`)).map((key) => this.#close(key)));
    await removeFolder(this.#directory, model);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((key) => this.#close(key)));
  }

  async #file(model: string, layer: number, canCreate: boolean): Promise<LayerFile | SnapshotFile | undefined> {
    const key = `${model}/${layer}`;
    const held = await this.#open.get(key)?.catch(() => undefined);
    if (held) return held;
    const folder = await this.#folder(model, canCreate);
    const handle = folder && (await unlessMissing(folder.getFileHandle(`layer-${layer}.records`, { create: canCreate })));
    if (!handle) return undefined;
    // Another call may have got here first.
    let opening = this.#open.get(key);
    if (!opening) {
      opening = this.#openHandle(handle as SyncFileHandle).then((sync) => sync && new LayerFile(sync));
      this.#open.set(key, opening);
    }
    const file = await opening.catch((thrown: unknown) => {
      this.#open.delete(key);
      throw thrown;
    });
    if (file) return file;
    this.#open.delete(key);
    return SnapshotFile.of(handle);
  }

  /** Undefined when another tab has the file. */
  async #openHandle(handle: SyncFileHandle): Promise<SyncHandle | undefined> {
    const tries = this.#hasMetLock ? 1 : OPEN_TRIES;
    for (let attempt = 1; attempt <= tries; attempt++) {
      try {
        return await handle.createSyncAccessHandle({ mode: this.#mode });
      } catch (thrown) {
        if (errorName(thrown) !== 'NoModificationAllowedError') throw thrown;
        if (attempt < tries) await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
      }
    }
    this.#hasMetLock = true;
    return undefined;
  }

  /** A handle that failed may never work again (the browser cleared the site's data), so the next call opens another. */
  async #guarded<T>(model: string, layer: number, work: () => T): Promise<T> {
    try {
      return work();
    } catch (thrown) {
      if (errorName(thrown) !== 'QuotaExceededError') await this.#close(`${model}/${layer}`);
      throw thrown;
    }
  }

  async #close(key: string): Promise<void> {
    const opening = this.#open.get(key);
    this.#open.delete(key);
    try {
      (await opening)?.close();
    } catch {
      // It is gone already: nothing to close.
    }
  }

  #folder(model: string, canCreate: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    return unlessMissing(this.#directory.getDirectoryHandle(model, { create: canCreate }));
  }
}

/** Does nothing when there is no such folder. */
export async function removeFolder(parent: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await unlessMissing(parent.removeEntry(name, { recursive: true }));
  } catch (thrown) {
    throw errorName(thrown) === 'NoModificationAllowedError' ? lockedElsewhere() : thrown;
  }
}

async function namesIn(folder: FileSystemDirectoryHandle, kind: FileSystemHandleKind): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, entry] of folder.entries()) if (entry.kind === kind) names.push(name);
  return names;
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    if (errorName(thrown) === 'NotFoundError') return undefined;
    throw thrown;
  }
}

function lockedElsewhere(): EngineError {
  return new EngineError(
    'storage-unavailable',
    'Another tab of this site has the stored model open, and this browser lets only one tab write to it.',
    'Close the other tab; until then this one reads what is stored and stores nothing.',
  );
}
