// How a panel gets its engine: the page sets the `engine` property, or names a <sluice-chat> of the same tree with `for="its-id"`.

import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { EngineApi } from '../core/api';
import type { RoutingFrame } from '../core/routing-frame';
import type { ReadyDetail, TokenDetail } from './events';

export interface EngineHost extends ReactiveControllerHost, HTMLElement {
  engine: EngineApi | undefined;
  /** Id of the <sluice-chat> to follow. */
  for: string;
}

/** Keeps `host.engine` equal to that of the element named by `host.for`, and passes its tokens on. */
export class EngineLink implements ReactiveController {
  #followed: HTMLElement | undefined;
  readonly #host: EngineHost;
  readonly #onTokens: ((detail: TokenDetail) => void) | undefined;

  constructor(host: EngineHost, onTokens?: (detail: TokenDetail) => void) {
    this.#host = host;
    this.#onTokens = onTokens;
    host.addController(this);
  }

  hostConnected(): void {
    this.#follow();
    // The named element may stand further down in a document that is still being parsed.
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => this.#follow(), { once: true });
  }

  hostUpdated(): void {
    this.#follow();
  }

  hostDisconnected(): void {
    this.#unfollow();
  }

  #follow(): void {
    const { isConnected } = this.#host;
    const root = this.#host.getRootNode() as Document | ShadowRoot;
    const target = isConnected && this.#host.for !== '' ? (root.getElementById(this.#host.for) ?? undefined) : undefined;
    if (target === this.#followed) return;
    this.#unfollow();
    if (target === undefined) return;
    this.#followed = target;
    target.addEventListener('sluice-ready', this.#ready);
    target.addEventListener('sluice-token', this.#token);
    const engine = (target as Partial<Pick<EngineHost, 'engine'>>).engine;
    if (engine !== undefined) this.#host.engine = engine;
  }

  #unfollow(): void {
    this.#followed?.removeEventListener('sluice-ready', this.#ready);
    this.#followed?.removeEventListener('sluice-token', this.#token);
    this.#followed = undefined;
  }

  readonly #ready = (event: Event): void => {
    this.#host.engine = (event as CustomEvent<ReadyDetail>).detail.engine;
  };

  readonly #token = (event: Event): void => {
    this.#onTokens?.((event as CustomEvent<TokenDetail>).detail);
  };
}

/** Hands every routing frame of an engine to `onFrame` until the returned function is called or the engine ends. */
export function followRouting(engine: EngineApi, onFrame: (frame: RoutingFrame) => void): () => void {
  const iterator = engine.routing()[Symbol.asyncIterator]();
  let isOpen = true;
  const run = async (): Promise<void> => {
    for (let step = await iterator.next(); isOpen && !step.done; step = await iterator.next()) onFrame(step.value);
  };
  // An engine that dies says so through `engine.failed`, which <sluice-chat> shows; here the stream has merely ended.
  run().catch(() => undefined);
  return () => {
    isOpen = false;
    iterator.return?.().catch(() => undefined);
  };
}
