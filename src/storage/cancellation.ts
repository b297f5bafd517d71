// Tells a load to stop. Almost every load ends before anybody wants it to, so the AbortController is made only for work that asks for its signal: one per load,
// with its listeners and the abort at the end, took longer than reading 64 KiB from OPFS.

export class Cancellation {
  #controller: AbortController | undefined;
  #isCancelled = false;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isCancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#controller?.abort();
  }
}
