// Keeps one model open. When the GPU device is lost it closes the engine and opens the same model again, from what is stored, before the next request: the
// answer that ran is lost, the conversation is not, since every prompt is run from its tokens.

import type { Budget, BudgetReport, EngineStats, GenerateRequest, GenerateResult, ModelInfo } from '../core/api';
import { EngineError } from '../core/errors';
import type { ModelDescription } from '../core/model-description';
import { checkPrompt } from '../engine/generation';
import type { RoutingEvent, RunHooks } from '../engine/engine-core';
import { encodeChat } from '../model/chat-template';
import type { FrameShape } from './frame-collector';
import type { OpenedEngine } from './open-engine';
import type { Prompt } from './protocol';

export class EngineHost {
  readonly #reopen: () => Promise<OpenedEngine>;
  #opened: Promise<OpenedEngine>;
  #current: OpenedEngine;
  #onRouting: ((event: RoutingEvent) => void) | undefined;
  #onMoved: (() => void) | undefined;
  /** What was set since the model was first opened. */
  #budget: { readonly gpuBytes?: Budget; readonly ramBytes?: number } | undefined;
  /** Has been given up, and is replaced or about to be. */
  #lost: OpenedEngine | undefined;
  #isDisposed = false;
  #hasFailed = false;

  private constructor(open: () => Promise<OpenedEngine>, opened: OpenedEngine) {
    this.#reopen = open;
    this.#opened = Promise.resolve(opened);
    this.#current = opened;
    this.#adopt(opened);
  }

  /** `open` makes an engine, the first time and again after the device was lost. */
  static async start(open: () => Promise<OpenedEngine>): Promise<EngineHost> {
    return new EngineHost(open, await open());
  }

  get model(): ModelInfo {
    return this.#current.model;
  }

  get frameShape(): FrameShape {
    return this.#current.core.shape;
  }

  set onRouting(listener: ((event: RoutingEvent) => void) | undefined) {
    this.#onRouting = listener;
    this.#current.core.onRouting = listener;
  }

  set onMoved(listener: (() => void) | undefined) {
    this.#onMoved = listener;
    this.#current.core.onMoved = listener;
  }

  residency(): Uint8Array {
    return this.#current.core.residency();
  }

  prepare(prompt: Prompt): Promise<readonly number[]> {
    return this.#run((opened) => {
      const tokens = encode(prompt, opened);
      checkPrompt(tokens, opened.model.vocabularySize, opened.model.contextLength);
      return tokens;
    });
  }

  tokenize(text: string): Promise<readonly number[]> {
    return this.#run(({ tokenizer }) => tokenizer.encode(text));
  }

  detokenize(tokens: readonly number[]): Promise<string> {
    return this.#run(({ tokenizer }) => tokenizer.decode(tokens));
  }

  generate(request: GenerateRequest, hooks: RunHooks): Promise<GenerateResult> {
    return this.#run(({ core }) => core.generate(request, hooks));
  }

  stats(): Promise<EngineStats> {
    return this.#run(({ core }) => core.stats());
  }

  describe(): Promise<ModelDescription> {
    return this.#run(({ description }) => description);
  }

  async setBudget(budget: { readonly gpuBytes?: Budget; readonly ramBytes?: number }): Promise<BudgetReport> {
    const report = await this.#run(async ({ core }) => {
      const report = await core.setBudget(budget);
      void core.fillFreeSlots();
      return report;
    });
    this.#budget = { ...this.#budget, ...budget };
    return report;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const opened = await this.#opened.catch(() => undefined);
    await opened?.core.dispose();
  }

  async #run<T>(work: (opened: OpenedEngine) => T | Promise<T>): Promise<T> {
    for (;;) {
      if (this.#isDisposed) throw new EngineError('disposed', 'The engine was disposed.', 'Load the model again.');
      if (this.#hasFailed) this.#openAgain(Promise.resolve());
      const opened = await this.#opened;
      try {
        return await work(opened);
      } catch (thrown) {
        const { code } = EngineError.from(thrown);
        // A failed readback may be heard of before the loss itself.
        if (code === 'device-lost') this.#replace(opened);
        // What waited its turn when the device was lost has not begun; the next engine does it.
        const isOvertaken = code === 'disposed' && this.#lost === opened && !this.#isDisposed;
        if (!isOvertaken) throw thrown;
      }
    }
  }

  #adopt(opened: OpenedEngine): void {
    this.#current = opened;
    opened.core.onRouting = this.#onRouting;
    opened.core.onMoved = this.#onMoved;
    void opened.storeRest().then(() => opened.core.fillFreeSlots());
    void opened.lost.then(() => this.#replace(opened));
  }

  #replace(opened: OpenedEngine): void {
    if (this.#isDisposed || this.#lost === opened) return;
    this.#lost = opened;
    this.#openAgain(opened.core.dispose());
  }

  async #openWithBudget(): Promise<OpenedEngine> {
    const opened = await this.#reopen();
    if (this.#budget) await opened.core.setBudget(this.#budget);
    return opened;
  }

  /** A try that fails is repeated by the next request. */
  #openAgain(closed: Promise<void>): void {
    this.#hasFailed = false;
    this.#opened = closed.then(() => this.#openWithBudget());
    this.#opened.then(
      (engine) => (this.#isDisposed ? engine.core.dispose() : this.#adopt(engine)),
      () => (this.#hasFailed = true),
    );
  }
}

function encode(prompt: Prompt, { tokenizer, template }: OpenedEngine): readonly number[] {
  switch (prompt.kind) {
    case 'tokens':
      return prompt.tokens;
    case 'text': {
      const tokens = tokenizer.encode(prompt.text);
      return tokenizer.addBos && tokenizer.bosTokenId !== undefined ? [tokenizer.bosTokenId, ...tokens] : tokens;
    }
    case 'chat':
      if (!template) throw new EngineError('invalid-template', 'This model has no chat template.', 'Use completions with a plain prompt instead.');
      return encodeChat(template, tokenizer, prompt.messages);
  }
}
