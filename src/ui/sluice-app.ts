// <sluice-app>: the whole page: a conversation, the map of its experts, its tokens and its memory, and a way to open another model.

import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { BackendChoice, EngineApi, LoadOptions, ModelSource } from '../core/api';
import { appStyles } from './app/app-styles';
import { modelFacts, modelSummary } from './app/model-facts';
import { DEMO_SUGGESTIONS } from './app/suggestions';
import type { ReadyDetail, TokenDetail } from './events';
import { mark } from './icons';
import { loadEngine, type EngineLoader } from './load-engine';
import { formatParameters } from './model/format';
import type { SluiceChat } from './sluice-chat';
import type { SluiceStoredModels } from './sluice-stored-models';
import type { SluiceTokens } from './sluice-tokens';
import { controls, tokens } from './styles';
import type { SluiceOpenModel } from './app/sluice-open-model';
import './app/sluice-about-model';
import './app/sluice-open-model';
import './chat/sluice-notice';
import './sluice-cache';
import './sluice-chat';
import './sluice-heatmap';
import './sluice-simulator';
import './sluice-stored-models';
import './sluice-tokens';

const NARROW = '(max-width: 56rem)';
const VIEWS = [
  { name: 'chat', title: 'Chat' },
  { name: 'experts', title: 'Experts' },
  { name: 'memory', title: 'Memory' },
] as const;
const MEMORY_TABS = [
  { name: 'now', title: 'Now' },
  { name: 'simulator', title: 'Simulator' },
  { name: 'stored', title: 'Stored models' },
] as const;
type MemoryTabName = (typeof MEMORY_TABS)[number]['name'];
type ViewName = (typeof VIEWS)[number]['name'];

/**
 * @attr model - what to load when the page opens; "demo" unless set
 * @attr backend, gpu-budget, store - as for <sluice-chat>
 * @property {EngineLoader} loader - how models are loaded; `Engine.load` unless set
 * @property {EngineApi} engine - the engine of the model that is loaded; read it, do not set it
 * @method open(source) - loads another model; the present one stays if that fails
 */
@customElement('sluice-app')
export class SluiceApp extends LitElement {
  @property() model = 'demo';
  @property() backend: BackendChoice = 'auto';
  @property({ attribute: 'gpu-budget' }) gpuBudget = '';
  @property() store: NonNullable<LoadOptions['store']> = 'auto';
  @property({ attribute: false }) loader: EngineLoader = loadEngine;
  /** The engine of the model that is loaded. */
  @property({ attribute: false }) engine: EngineApi | undefined;
  /** One view at a time; set by the width of the window. */
  @property({ type: Boolean, reflect: true }) narrow = false;

  @state() private view: ViewName = 'chat';
  @state() private memoryTab: MemoryTabName = 'now';
  @state() private isDropTarget = false;
  @query('sluice-chat') private readonly chat!: SluiceChat;
  @query('sluice-tokens') private readonly tokenList!: SluiceTokens;
  @query('sluice-stored-models') private readonly storedModels!: SluiceStoredModels;
  @query('sluice-open-model') private readonly opener!: SluiceOpenModel;

  readonly #width = matchMedia(NARROW);
  /** dragenter less dragleave: children fire both. */
  #dragDepth = 0;

  static override readonly styles = [tokens, controls, appStyles];

  /** Loads another model and shows it; the present one stays if that fails. */
  async open(source: ModelSource): Promise<void> {
    this.view = 'chat';
    await this.chat.load(source);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#width.addEventListener('change', this.#onWidth);
    this.#onWidth();
    for (const [name, listener] of this.#dragListeners) window.addEventListener(name, listener);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#width.removeEventListener('change', this.#onWidth);
    for (const [name, listener] of this.#dragListeners) window.removeEventListener(name, listener);
  }

  override render(): unknown {
    const model = this.engine?.model;
    return html`
      <header>
        <h1 class="brand">${mark}<span>Sluice</span></h1>
        <div class="model" aria-live="polite">
          <p class="name">${model?.name ?? 'No model yet'}</p>
          ${model ? html`<p class="summary">${modelSummary(model)}</p>` : nothing}
        </div>
        <button class="open" @click=${() => this.opener.show()}>
          <span>Open<span class="long"> a model</span>…</span>
        </button>
      </header>
      <main>
        <div class="chat" data-view="chat" ?data-inactive=${this.view !== 'chat'}>${this.#chatView()}</div>
        <div class="side" data-view="side" ?data-inactive=${this.view === 'chat'}>
          <section aria-labelledby="experts" data-view="experts" ?data-inactive=${this.view !== 'experts'}>
            <h2 id="experts">Experts</h2>
            <sluice-heatmap .engine=${this.engine}></sluice-heatmap>
          </section>
          <section aria-labelledby="memory" data-view="memory" ?data-inactive=${this.view !== 'memory'}>
            <h2 id="memory">Memory</h2>
            ${this.#memoryTabs()} ${this.#memoryPanel('now', html`<sluice-cache .engine=${this.engine}></sluice-cache>`)}
            ${this.#memoryPanel('simulator', html`<sluice-simulator .engine=${this.engine}></sluice-simulator>`)}
            ${this.#memoryPanel('stored', html`<sluice-stored-models .engine=${this.engine}></sluice-stored-models>`)}
          </section>
          <section aria-labelledby="tokens" data-view="experts" ?data-inactive=${this.view !== 'experts'}>
            <h2 id="tokens">Tokens and their routes</h2>
            <sluice-tokens .engine=${this.engine}></sluice-tokens>
          </section>
          ${
            model
              ? html`<section aria-labelledby="facts" data-view="memory" ?data-inactive=${this.view !== 'memory'}>
                  <h2 id="facts">Model</h2>
                  ${modelFacts(model)}
                  <sluice-about-model .engine=${this.engine}></sluice-about-model>
                </section>`
              : nothing
          }
        </div>
      </main>
      <nav aria-label="Views">
        ${VIEWS.map(({ name, title }) => html`<button aria-current=${this.view === name ? 'true' : 'false'} @click=${() => (this.view = name)}>${title}</button>`)}
      </nav>
      <sluice-open-model @sluice-open=${(event: CustomEvent<{ source: ModelSource }>) => this.open(event.detail.source)}></sluice-open-model>
      ${this.isDropTarget ? html`<div class="drop">Drop a .gguf file to open it</div>` : nothing}
    `;
  }

  #memoryTabs(): TemplateResult {
    return html`<div class="tabs" role="tablist" aria-labelledby="memory" @keydown=${this.#onTabKey}>
      ${MEMORY_TABS.map(
        ({ name, title }) =>
          html`<button
            class="quiet"
            role="tab"
            id="tab-${name}"
            aria-controls="panel-${name}"
            aria-selected=${this.memoryTab === name}
            tabindex=${this.memoryTab === name ? 0 : -1}
            @click=${() => this.#showTab(name)}
          >
            ${title}
          </button>`,
      )}
    </div>`;
  }

  /** Hidden panels stay on the page: the simulator records. */
  #memoryPanel(name: MemoryTabName, content: TemplateResult): TemplateResult {
    return html`<div role="tabpanel" id="panel-${name}" aria-labelledby="tab-${name}" ?hidden=${this.memoryTab !== name}>${content}</div>`;
  }

  #showTab(name: MemoryTabName): void {
    this.memoryTab = name;
    if (name === 'stored') void this.storedModels.refresh();
  }

  #onTabKey(event: KeyboardEvent): void {
    const at = MEMORY_TABS.findIndex(({ name }) => name === this.memoryTab);
    const count = MEMORY_TABS.length;
    const to = { ArrowLeft: at - 1 + count, ArrowRight: at + 1, Home: 0, End: count - 1 }[event.key];
    const tab = to === undefined ? undefined : MEMORY_TABS[to % count];
    if (!tab) return;
    event.preventDefault();
    this.#showTab(tab.name);
    this.shadowRoot?.querySelector<HTMLElement>(`#tab-${tab.name}`)?.focus();
  }

  #chatView(): TemplateResult {
    const model = this.engine?.model;
    const isDemo = model?.isDemo ?? this.model === 'demo';
    return html`<sluice-chat
      model=${this.model}
      backend=${this.backend}
      gpu-budget=${this.gpuBudget}
      store=${this.store}
      .loader=${this.loader}
      .suggestions=${isDemo ? DEMO_SUGGESTIONS : []}
      @sluice-ready=${(event: CustomEvent<ReadyDetail>) => (this.engine = event.detail.engine)}
      @sluice-token=${(event: CustomEvent<TokenDetail>) => this.tokenList.addTokens(event.detail.tokens)}
    >
      ${
        isDemo
          ? html`<sluice-notice slot="notice" class="demo-notice"
              >This is a tiny demonstration model (${model ? formatParameters(model.parameterCount) : '21 M'} parameters). It writes simple stories; it knows
              nothing.</sluice-notice
            >`
          : nothing
      }
      <div slot="intro" class="intro">
        <h2>A Mixture-of-Experts model, running in this tab</h2>
        <p>Ask for a story and watch which experts write it. The other prompts are continued as they stand, and go to other experts.</p>
      </div>
    </sluice-chat>`;
  }

  readonly #onWidth = (): void => {
    this.narrow = this.#width.matches;
  };

  readonly #dragListeners: ReadonlyArray<readonly [string, (event: Event) => void]> = [
    ['dragenter', (event) => this.#onDrag(event as DragEvent, 1)],
    ['dragleave', (event) => this.#onDrag(event as DragEvent, -1)],
    ['dragover', (event) => holdsFiles(event as DragEvent) && event.preventDefault()],
    ['drop', (event) => this.#onDrop(event as DragEvent)],
  ];

  #onDrag(event: DragEvent, step: 1 | -1): void {
    if (!holdsFiles(event)) return;
    this.#dragDepth = Math.max(0, this.#dragDepth + step);
    this.isDropTarget = this.#dragDepth > 0;
  }

  #onDrop(event: DragEvent): void {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    this.#dragDepth = 0;
    this.isDropTarget = false;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) void this.open(files);
  }
}

function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-app': SluiceApp;
  }
}
