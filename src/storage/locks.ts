// Agreement between the tabs of one site, through Web Locks. A lock goes when its tab does, however it ends. Where there are no Web Locks (Node, pages without
// https) work just runs: the checksums of records still hold, and a tab that loses a record fetches it again. A lock without a name is one that nobody else can want.
//   Source: MDN, Web Locks API: in Chrome 69, Firefox 96, Safari 15.4, secure contexts only. Exit: none; insecure pages stay.

/** Waits for its turn. Keep the work short and off the network: other tabs wait for it. */
export async function exclusively<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
  const locks = lockManager();
  return locks && name !== undefined ? locks.request(name, work) : work();
}

/** Undefined when somebody holds the lock, in whatever mode. */
export async function ifNobodyHolds<T>(name: string | undefined, work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
  const run = async () => ({ value: await work() });
  const locks = lockManager();
  return locks && name !== undefined ? locks.request(name, { ifAvailable: true }, async (lock) => (lock ? run() : undefined)) : run();
}

/** Holds the lock together with others who share it, until the returned function is called or the tab ends. */
export async function share(name: string | undefined): Promise<() => void> {
  const locks = lockManager();
  if (!locks || name === undefined) return () => {};
  return new Promise((resolve, reject) => {
    const untilReleased = () => new Promise<void>((release) => resolve(release));
    locks.request(name, { mode: 'shared' }, untilReleased).catch(reject);
  });
}

function lockManager(): LockManager | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator as { locks?: LockManager }).locks;
}
