// Workers as a page starts them, watched: whether they still live, and worlds in which something is missing. Takes the place of the page's `Worker` until
// `restore` is called.

export interface WatchedWorkers {
  /** In the order of their start. */
  readonly started: readonly Worker[];
  restore(): void;
}

/** `prelude` is a script that runs in each worker before its own. */
export function watchWorkers(prelude = ''): WatchedWorkers {
  const started: Worker[] = [];
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(prelude === '' ? url : scriptWithPrelude(prelude, url), options);
      started.push(this);
    }
  };
  return { started, restore: () => (globalThis.Worker = Original) };
}

/** Static imports run in order, and before the worker's first message is delivered. */
function scriptWithPrelude(prelude: string, url: string | URL): string {
  const first = URL.createObjectURL(new Blob([prelude], { type: 'text/javascript' }));
  const script = `import ${JSON.stringify(first)}; import ${JSON.stringify(new URL(url, location.href).href)};`;
  return URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
}

/** Asks for a property over comlink's own protocol. A worker that has ended does not answer. */
export function isAlive(worker: Worker, waitMs = 1000): Promise<boolean> {
  const id = crypto.randomUUID();
  return new Promise((resolve) => {
    const settle = (answer: boolean): void => {
      clearTimeout(timer);
      worker.removeEventListener('message', onMessage);
      resolve(answer);
    };
    const onMessage = ({ data }: MessageEvent<{ readonly id?: string } | null>): void => {
      if (data?.id === id) settle(true);
    };
    const timer = setTimeout(() => settle(false), waitMs);
    worker.addEventListener('message', onMessage);
    worker.postMessage({ id, type: 'GET', path: ['nothing'] });
  });
}
