// <sluice-chat>: a conversation with a model, and the loading of that model. Usable on its own: <sluice-chat model="demo"></sluice-chat>.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { BackendChoice, Budget, EngineApi, LoadOptions, ModelSource } from '../core/api';
import type { EngineError } from '../core/errors';
import { chatStyles } from './chat/chat-styles';
import { Conversation, type Turn, type TurnKind } from './chat/conversation';
import { ModelLoading, sourceName } from './chat/model-loading';
import { suggestionCards, suggestionStrip, type Suggestion } from './chat/suggestions-view';
import { describeEnd, turnView } from './chat/turn-view';
import { emit } from './events';
import { sendIcon, settingsIcon, stopIcon } from './icons';
import { loadEngine, type EngineLoader } from './load-engine';
import { formatCount, formatRate } from './model/format';
import { DEFAULT_SETTINGS, type ChatSettings } from './model/settings';
import { controls, tokens } from './styles';
import './chat/sluice-load-progress';
import './chat/sluice-notice';
import './chat/sluice-sampling';

/** Nearer to the end than this, the view follows the answer as it grows. */
const FOLLOW_DISTANCE_PX = 64;

/**
 * Chat with a model. Given `model`, it loads that model when it enters the page and disposes it when it leaves; given `engine`, it uses that and
 * leaves it alone.
 *
 * @attr model - "demo", "https://…/model.gguf" or "hf:owner/repo/file.gguf"
 * @attr backend - 'auto' (default), 'webgpu' or 'cpu'
 * @attr gpu-budget - bytes, or a share of all experts such as "25%"
 * @attr store - 'auto' (default), 'opfs', 'indexeddb' or 'memory'
 * @attr context-length - longest context in tokens
 * @attr mode - 'chat' (default) or 'completion': continue the bare text
 * @property {EngineApi} engine - the engine in use; set it to bring your own
 * @property {Suggestion[]} suggestions - prompts to offer
 * @property {ChatSettings} settings - how answers are sampled
 * @property {EngineLoader} loader - how `model` is loaded; `Engine.load` unless set
 * @method load(source, options) - loads another model; the present one keeps working until the new one is there
 * @method send(prompt, kind) - asks for an answer
 * @fires sluice-ready - {engine}: a model is loaded
 * @fires sluice-token - {tokens, text}: what came since the last animation frame
 * @fires sluice-answer - {text, finishReason, stats}: an answer ended
 * @fires sluice-error - {error}: loading or an answer failed
 * @slot intro - shown above the suggestions while the conversation is empty
 * @slot notice - shown above the conversation, always
 * @csspart turn, user, answer, composer, prompt
 * @cssprop --sluice-chat-height - height of the element (36rem)
 */
@customElement('sluice-chat')
export class SluiceChat extends LitElement {
  @property() model = '';
  @property() backend: BackendChoice = 'auto';
  @property({ attribute: 'gpu-budget' }) gpuBudget = '';
  @property() store: NonNullable<LoadOptions['store']> = 'auto';
  @property({ attribute: 'context-length', type: Number }) contextLength: number | undefined;
  @property({ reflect: true }) mode: TurnKind = 'chat';
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property({ attribute: false }) suggestions: readonly Suggestion[] = [];
  @property({ attribute: false }) settings: ChatSettings = DEFAULT_SETTINGS;
  @property({ attribute: false }) loader: EngineLoader = loadEngine;

  @state() private draft = '';
  @state() private areSettingsOpen = false;
  @state() private status = '';
  @state() private copiedTurnId: number | undefined;
  @state() private failure: EngineError | undefined;
  @query('.scroll') private readonly scroller!: HTMLElement;

  readonly #loading = new ModelLoading(() => this.requestUpdate());
  readonly #conversation = new Conversation({
    onChange: () => this.requestUpdate(),
    onTokens: (newTokens, text) => emit(this, 'sluice-token', { tokens: newTokens, text }),
    onAnswer: (turn) => this.#onAnswer(turn),
    onError: (error) => {
      this.status = error.message;
      emit(this, 'sluice-error', { error });
    },
  });
  /** The engine that this element loaded, and so disposes. */
  #ownEngine: EngineApi | undefined;
  #followsEnd = true;

  static override readonly styles = [tokens, controls, chatStyles];

  /** The turns so far, oldest first. */
  get turns(): readonly Turn[] {
    return this.#conversation.turns;
  }

  get isBusy(): boolean {
    return this.#conversation.isBusy;
  }

  /** Loads a model. Until it is there the present one keeps working; if it fails, the present one stays. Resolves with the new engine or undefined. */
  async load(source: ModelSource, options: LoadRequestOptions = this.#loadOptions()): Promise<EngineApi | undefined> {
    this.status = `Loading ${sourceName(source)}`;
    const engine = await this.#loading.load(this.loader, { source, options });
    if (engine === undefined) {
      const { error } = this.#loading;
      if (error !== undefined && error.code !== 'aborted') {
        this.status = error.message;
        emit(this, 'sluice-error', { error });
      }
      return undefined;
    }
    const previous = this.#ownEngine;
    this.#conversation.clear();
    this.#ownEngine = engine;
    this.engine = engine;
    this.status = `${engine.model.name} is ready`;
    await previous?.dispose();
    return engine;
  }

  /** Asks for an answer as if the user had typed it. Does nothing while an answer is being written or no model is there. */
  async send(prompt: string, kind: TurnKind = this.mode): Promise<void> {
    const { engine } = this;
    if (engine === undefined || this.isBusy || prompt.trim() === '') return;
    this.#followsEnd = true;
    this.status = 'Writing an answer';
    await this.#conversation.send(engine, prompt, engine.model.hasChatTemplate ? kind : 'completion', this.settings);
  }

  stop(): void {
    this.#conversation.stop();
  }

  clear(): void {
    this.#conversation.clear();
    this.status = 'Conversation cleared';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#loadFromAttributes();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    // An element that is only moved comes back within the same task.
    queueMicrotask(() => {
      if (!this.isConnected) this.#release();
    });
  }

  protected override firstUpdated(): void {
    void this.updateComplete.then(() => this.#loadFromAttributes());
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.get('model') !== undefined && this.model !== '') void this.load(this.model);
    if (changed.has('engine')) this.#onEngine(changed.get('engine'));
    if (this.#followsEnd && this.turns.length > 0) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  override render(): unknown {
    const turns = this.#conversation.turns;
    const isEmpty = turns.length === 0;
    return html`
      <div class="banners"><slot name="notice"></slot>${this.#banners()}</div>
      <div class="scroll" role="region" aria-label="Conversation" tabindex="0" @scroll=${this.#onScroll}>
        ${
          isEmpty
            ? html`<slot name="intro"></slot>
                ${this.engine === undefined && this.#loading.isLoading ? html`<div class="loading">${this.#progressView()}</div>` : nothing}
                ${suggestionCards(this.#suggestionProps)}`
            : html`<ol class="turns" role="list">
                ${repeat(
                  turns,
                  (turn) => turn.id,
                  (turn, index) => turnView(turn, this.#turnActions(index === turns.length - 1)),
                )}
              </ol>`
        }
      </div>
      ${this.#composer(isEmpty)}
      <div class="visually-hidden" role="status">${this.status}</div>
    `;
  }

  #banners(): unknown {
    const { engine } = this;
    const error = this.#loading.error;
    return html`
      ${engine !== undefined && this.#loading.isLoading ? this.#progressView() : nothing}
      ${error ? html`<sluice-notice .error=${error} class="load-error">${this.#errorActions(error)}</sluice-notice>` : nothing}
      ${
        this.failure
          ? html`<sluice-notice .error=${this.failure} class="engine-error"
              ><button slot="actions" @click=${this.#retryAfterFailure}>Load again</button></sluice-notice
            >`
          : nothing
      }
      ${engine?.model.fallbackReason ? html`<sluice-notice kind="warning" class="cpu-notice">${cpuNotice(engine.model.fallbackReason)}</sluice-notice>` : nothing}
      ${
        engine?.model.isSoftwareAdapter && !engine.model.fallbackReason
          ? html`<sluice-notice kind="warning" class="software-notice"
              >The WebGPU adapter is software: ${engine.model.adapter}. Expect low speed.</sluice-notice
            >`
          : nothing
      }
    `;
  }

  #errorActions(error: EngineError): TemplateResult {
    return html`<div slot="actions">
      <button @click=${this.#retryLoad}>${error.code === 'aborted' ? 'Load it' : 'Try again'}</button>
      ${this.engine ? html`<button class="quiet" @click=${() => this.#loading.dismissError()}>Dismiss</button>` : nothing}
    </div>`;
  }

  #progressView(): TemplateResult {
    return html`<sluice-load-progress
      .progress=${this.#loading.progress}
      name=${sourceName(this.#loading.request?.source ?? '')}
      @cancel=${() => this.#loading.cancel()}
    ></sluice-load-progress>`;
  }

  get #suggestionProps(): Parameters<typeof suggestionCards>[0] {
    return { suggestions: this.suggestions, isDisabled: !this.#canSend, choose: ({ prompt, kind }) => void this.send(prompt, kind) };
  }

  #composer(isEmpty: boolean): TemplateResult {
    const hasTemplate = this.engine?.model.hasChatTemplate ?? true;
    const mode = hasTemplate ? this.mode : 'completion';
    return html`<form class="composer" part="composer" @submit=${this.#onSubmit}>
      ${isEmpty ? nothing : suggestionStrip(this.#suggestionProps)}
      <div class="box">
        <textarea
          part="prompt"
          rows="1"
          aria-label=${mode === 'chat' ? 'Message' : 'Text to continue'}
          placeholder=${mode === 'chat' ? 'Write a message' : 'Write the beginning of a text'}
          .value=${this.draft}
          @input=${(event: Event) => (this.draft = (event.target as HTMLTextAreaElement).value)}
          @keydown=${this.#onKeydown}
        ></textarea>
        ${
          this.isBusy
            ? html`<button type="button" class="stop" @click=${this.#onStop}>${stopIcon} Stop</button>`
            : html`<button class="primary send" aria-label="Send" ?disabled=${!this.#canSend || this.draft.trim() === ''}>${sendIcon}</button>`
        }
      </div>
      ${this.areSettingsOpen ? html`<div class="settings" id="settings">${this.#samplingView()}</div>` : nothing}
      <div class="tools">
        <div class="modes" role="group" aria-label="Mode">
          <button type="button" class="quiet" aria-pressed=${mode === 'chat'} ?disabled=${!hasTemplate} @click=${() => (this.mode = 'chat')}>Chat</button>
          <button type="button" class="quiet" aria-pressed=${mode === 'completion'} @click=${() => (this.mode = 'completion')}>Continue text</button>
        </div>
        <button
          type="button"
          class="quiet settings-toggle"
          aria-expanded=${this.areSettingsOpen}
          aria-controls="settings"
          @click=${() => (this.areSettingsOpen = !this.areSettingsOpen)}
        >
          ${settingsIcon} Settings
        </button>
        ${isEmpty ? nothing : html`<button type="button" class="quiet clear" @click=${() => this.clear()}>Clear</button>`}
        <span class="figures numbers">${this.#liveFigures()}</span>
      </div>
    </form>`;
  }

  #samplingView(): TemplateResult {
    return html`<sluice-sampling
      .settings=${this.settings}
      @change=${(event: Event) => (this.settings = (event.target as HTMLElementTagNameMap['sluice-sampling']).settings)}
    ></sluice-sampling>`;
  }

  #liveFigures(): string {
    const turn = this.#conversation.turns.at(-1);
    if (turn === undefined) return '';
    if (turn.status === 'waiting') return 'Reading the prompt…';
    const parts = turn.promptTokenCount === undefined ? [] : [`${formatCount(turn.promptTokenCount)} in`];
    parts.push(`${formatCount(turn.tokenCount)} out`, `${formatRate(turn.tokensPerSecond)} tokens/s`);
    return parts.join(' · ');
  }

  get #canSend(): boolean {
    return this.engine !== undefined && this.failure === undefined && !this.isBusy;
  }

  #turnActions(isLast: boolean): Parameters<typeof turnView>[1] {
    const { engine } = this;
    const canRegenerate = isLast && engine !== undefined && this.#canSend;
    return {
      copy: (turn) => void this.#copy(turn),
      regenerate: canRegenerate ? () => void this.#conversation.regenerate(engine, this.settings) : undefined,
      copiedTurnId: this.copiedTurnId,
    };
  }

  async #copy(turn: Turn): Promise<void> {
    try {
      await navigator.clipboard.writeText(turn.answer);
      this.copiedTurnId = turn.id;
      this.status = 'Answer copied';
      setTimeout(() => (this.copiedTurnId = undefined), 2000);
    } catch {
      this.status = 'The browser does not allow copying here';
    }
  }

  #onAnswer(turn: Turn): void {
    this.status = describeEnd(turn);
    const finishReason = turn.status === 'stopped' ? 'stopped' : (turn.finishReason ?? 'stop');
    emit(this, 'sluice-answer', { text: turn.answer, finishReason, stats: turn.stats });
  }

  #onSubmit(event: Event): void {
    event.preventDefault();
    if (!this.#canSend || this.draft.trim() === '') return;
    const prompt = this.draft;
    this.draft = '';
    void this.send(prompt);
  }

  #onStop(): void {
    this.stop();
    // The button goes away with the answer; the keyboard should not be left on nothing.
    this.shadowRoot?.querySelector('textarea')?.focus();
  }

  #onKeydown(event: KeyboardEvent): void {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.#onSubmit(event);
  }

  #onScroll(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#followsEnd = scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE_PX;
  }

  #onEngine(previous: EngineApi | undefined): void {
    if (previous !== undefined && this.engine !== this.#ownEngine && previous === this.#ownEngine) this.#releaseOwnEngine();
    this.failure = undefined;
    const { engine } = this;
    if (engine === undefined) return;
    emit(this, 'sluice-ready', { engine });
    engine.failed.then(
      (error) => this.#onEngineFailed(engine, error),
      () => undefined,
    );
  }

  #onEngineFailed(engine: EngineApi, error: EngineError): void {
    if (this.engine !== engine || error.code === 'disposed') return;
    this.#conversation.stop();
    this.failure = error;
    this.status = error.message;
    emit(this, 'sluice-error', { error });
  }

  #loadFromAttributes(): void {
    if (this.model !== '' && this.engine === undefined && !this.#loading.isLoading) void this.load(this.model);
  }

  #loadOptions(): LoadRequestOptions {
    const budget = parseBudget(this.gpuBudget);
    return {
      backend: this.backend,
      store: this.store,
      ...(budget === undefined ? {} : { budget: { gpuBytes: budget } }),
      ...(this.contextLength === undefined ? {} : { contextLength: this.contextLength }),
    };
  }

  #retryLoad(): void {
    const { request } = this.#loading;
    if (request) void this.load(request.source, request.options);
  }

  #retryAfterFailure(): void {
    const source = this.#loading.request?.source ?? this.model;
    this.failure = undefined;
    if (source !== '') void this.load(source);
  }

  #release(): void {
    this.#loading.cancel();
    this.#conversation.stop();
    this.#releaseOwnEngine();
  }

  #releaseOwnEngine(): void {
    const own = this.#ownEngine;
    this.#ownEngine = undefined;
    if (this.engine === own) this.engine = undefined;
    own?.dispose().catch(() => undefined);
  }
}

type LoadRequestOptions = Omit<LoadOptions, 'signal' | 'onProgress'>;

/** "25%" or "1000000"; undefined for anything else. */
export function parseBudget(text: string): Budget | undefined {
  if (/^\d+(\.\d+)?%$/.test(text)) return text as `${number}%`;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

export function cpuNotice(reason: string): string {
  return `${reason.replace(/[.:]?\s*$/, '')}: running on the CPU, which is slower.`;
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-chat': SluiceChat;
  }
}
