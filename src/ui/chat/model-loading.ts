// Loading a model, as <sluice-chat> shows it: progress, cancel, failure, retry. One load at a time; a second one cancels the first.

import type { EngineApi, LoadOptions, LoadProgress, ModelSource } from '../../core/api';
import { aborted, EngineError } from '../../core/errors';
import type { EngineLoader } from '../load-engine';
import { OncePerFrame } from '../once-per-frame';

export interface LoadRequest {
  readonly source: ModelSource;
  readonly options: Omit<LoadOptions, 'signal' | 'onProgress'>;
}

export class ModelLoading {
  /** What is being loaded, or what failed last. */
  request: LoadRequest | undefined;
  progress: LoadProgress | undefined;
  error: EngineError | undefined;
  #abort: AbortController | undefined;
  readonly #changed: OncePerFrame;
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#changed = new OncePerFrame(onChange);
  }

  get isLoading(): boolean {
    return this.#abort !== undefined;
  }

  /** The engine; undefined if it failed (see `error`) or another load took over. A cancelled load has an 'aborted' error. */
  async load(loader: EngineLoader, request: LoadRequest): Promise<EngineApi | undefined> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.request = request;
    this.progress = undefined;
    this.error = undefined;
    this.#onChange();
    const onProgress = (progress: LoadProgress): void => {
      if (this.#abort !== abort) return;
      this.progress = progress;
      this.#changed.request();
    };
    try {
      const engine = await loader(request.source, { ...request.options, signal: abort.signal, onProgress });
      if (this.#abort === abort && !abort.signal.aborted) return engine;
      await engine.dispose();
      if (this.#abort === abort) this.error = aborted();
    } catch (thrown) {
      if (this.#abort === abort) this.error = EngineError.from(thrown);
    } finally {
      if (this.#abort === abort) {
        this.#abort = undefined;
        this.#changed.cancel();
        this.#onChange();
      }
    }
    return undefined;
  }

  cancel(): void {
    this.#abort?.abort();
  }

  dismissError(): void {
    this.error = undefined;
    this.#onChange();
  }
}

/** "demo", a URL's last part, or file names: what to call a source before its model is known. */
export function sourceName(source: ModelSource): string {
  if (typeof source !== 'string') return source.map((file) => file.name).join(', ');
  if (source === 'demo') return 'the demo model';
  return source.split(/[?#]/)[0]!.split('/').at(-1) || source;
}
