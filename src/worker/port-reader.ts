// One end of a MessageChannel as a queue that can be awaited.

export class PortReader<T> {
  /** The end to hand over. */
  readonly remote: MessagePort;
  readonly #port: MessagePort;
  readonly #queue: T[] = [];
  #waiting: ((event: T | undefined) => void) | undefined;
  #isClosed = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.remote = port2;
    port1.onmessage = ({ data }: MessageEvent<T>) => {
      if (!this.#waiting) {
        this.#queue.push(data);
        return;
      }
      this.#waiting(data);
      this.#waiting = undefined;
    };
  }

  post(message: unknown): void {
    if (!this.#isClosed) this.#port.postMessage(message);
  }

  /** The next event; undefined when the reader was closed. One caller at a time. */
  next(): Promise<T | undefined> {
    if (this.#queue.length > 0 || this.#isClosed) return Promise.resolve(this.#queue.shift());
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#port.close();
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }
}
