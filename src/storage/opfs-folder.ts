// The folder of the origin private file system in which this library keeps its files.

/** Undefined where there is none: old browsers, pages without https, private windows of some (Firefox rejects with SecurityError there). */
export async function openOpfsFolder(name: string): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(name, { create: true });
  } catch {
    return undefined;
  }
}

/** Synchronous handles exist in dedicated workers alone (MDN: Chrome 102, Firefox 111, Safari 15.2). */
export function hasSyncHandles(): boolean {
  return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}
