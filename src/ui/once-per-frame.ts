// Many events, one update per animation frame. A hidden tab gets no frames; whoever must not wait for one calls `flush`.

export class OncePerFrame {
  #handle: number | undefined;
  readonly #run: (nowMs: number) => void;

  constructor(run: (nowMs: number) => void) {
    this.#run = run;
  }

  get isRequested(): boolean {
    return this.#handle !== undefined;
  }

  request(): void {
    this.#handle ??= requestAnimationFrame((nowMs) => {
      this.#handle = undefined;
      this.#run(nowMs);
    });
  }

  /** Runs now what was requested; nothing if nothing was. */
  flush(): void {
    if (this.#handle === undefined) return;
    this.cancel();
    this.#run(performance.now());
  }

  cancel(): void {
    if (this.#handle !== undefined) cancelAnimationFrame(this.#handle);
    this.#handle = undefined;
  }
}
