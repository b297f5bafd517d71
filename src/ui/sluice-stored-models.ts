// <sluice-stored-models>: the models that this browser keeps for the site, with their sizes, and a way to delete each. Nothing is deleted without a second
// question.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { EngineApi, StoredModel } from '../core/api';
import { EngineError } from '../core/errors';
import { formatBytes } from '../core/units';
import { cssVars } from './css-vars';
import { EngineLink } from './engine-link';
import { emit } from './events';
import { type ModelShelf, siteShelf } from './load-engine';
import { formatShare } from './model/format';
import { controls, tokens } from './styles';
import './chat/sluice-notice';

type Room = Awaited<ReturnType<ModelShelf['room']>>;

/**
 * @property {EngineApi} engine - the engine in use: when another one comes, the list is read again
 * @attr for - id of a <sluice-chat> in the same tree whose engine to follow
 * @property {ModelShelf} shelf - where models are listed and deleted; this site's storage unless set
 * @method refresh() - reads the list again
 * @fires sluice-error - {error}: a model could not be deleted, or the list could not be read
 * @csspart list
 */
@customElement('sluice-stored-models')
export class SluiceStoredModels extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';
  @property({ attribute: false }) shelf: ModelShelf = siteShelf;

  @state() private models: readonly StoredModel[] | undefined;
  @state() private room: Room;
  @state() private error: EngineError | undefined;
  /** Id of the model that is asked about. */
  @state() private asked: string | undefined;
  @state() private deleting: string | undefined;
  @state() private announcement = '';

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 0.75rem;
        font-size: 0.8125rem;
      }
      p,
      ul {
        margin: 0;
      }
      ul {
        padding: 0;
        list-style: none;
      }
      .soft {
        color: var(--_ink-soft);
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.25rem 1rem;
        padding-block: 0.5rem;
        border-block-end: 1px solid var(--_line);
      }
      .about {
        flex: 1 1 12rem;
        min-width: 0;
      }
      .about p {
        overflow-wrap: anywhere;
      }
      .name {
        font-weight: 500;
      }
      .question {
        flex: 1 1 100%;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.4rem 0.6rem;
        padding: 0.5rem 0.75rem;
        border-radius: var(--_radius);
        background: var(--_danger-wash);
      }
      .question p {
        flex: 1 1 12rem;
      }
      .delete {
        color: var(--_danger);
        border-color: var(--_danger);
      }
      .bar {
        height: 6px;
        border-radius: 3px;
        background: var(--_line);
        overflow: hidden;
        margin-block-start: 0.3rem;
      }
      .bar i {
        display: block;
        height: 100%;
        min-width: 2px;
        width: calc(var(--share) * 100%);
        background: var(--_tier-disk);
        forced-color-adjust: none;
      }
      .end {
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 1rem;
      }
    `,
  ];

  constructor() {
    super();
    new EngineLink(this);
  }

  /** Reads the list again. What was shown stays until it is there. */
  async refresh(): Promise<void> {
    try {
      const [models, room] = await Promise.all([this.shelf.list(), this.shelf.room()]);
      this.models = models;
      this.room = room;
    } catch (thrown) {
      this.models ??= [];
      this.#fail(thrown);
    }
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) void this.refresh();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('engine') || changed.has('shelf')) void this.refresh();
  }

  override render(): unknown {
    const { models } = this;
    return html`
      ${this.error ? html`<sluice-notice .error=${this.error}></sluice-notice>` : nothing}
      ${
        models === undefined
          ? html`<p class="soft">Looking at what is stored…</p>`
          : models.length === 0
            ? html`<p class="soft">No model is stored in this browser.</p>`
            : html`<ul part="list" role="list" aria-label="Stored models">
                ${repeat(
                  models,
                  ({ id }) => id,
                  (model) => this.#modelView(model),
                )}
              </ul>`
      }
      <div>
        <div class="end">
          <span class="soft numbers">${this.room ? describeRoom(this.room) : 'This browser does not tell how much room there is.'}</span>
          <button class="quiet" @click=${() => void this.refresh()}>Refresh</button>
        </div>
        ${this.room ? html`<div class="bar" aria-hidden="true"><i ${cssVars({ '--share': shareOf(this.room).toFixed(4) })}></i></div>` : nothing}
      </div>
      <div class="visually-hidden" role="status">${this.announcement}</div>
    `;
  }

  #modelView(model: StoredModel): TemplateResult {
    const isAsked = this.asked === model.id;
    return html`<li data-id=${model.id}>
      <div class="about">
        <p class="name">${model.name}</p>
        <p class="soft numbers">
          ${formatBytes(model.bytes)} · used ${formatDate(model.lastUsedAt)} ·
          ${model.isComplete ? 'complete: runs without a network' : 'in part: what is missing is fetched when it is needed'}
        </p>
        ${model.source === model.name ? nothing : html`<p class="soft">${model.source}</p>`}
      </div>
      ${
        isAsked
          ? this.#question(model)
          : html`<button class="ask" aria-label="Delete ${model.name}" ?disabled=${this.deleting !== undefined} @click=${() => void this.#ask(model.id)}>
              ${this.deleting === model.id ? 'Deleting…' : 'Delete'}
            </button>`
      }
    </li>`;
  }

  #question({ id, name, bytes }: StoredModel): TemplateResult {
    return html`<div
      class="question"
      role="group"
      aria-label="Delete ${name}?"
      @keydown=${(event: KeyboardEvent) => event.key === 'Escape' && void this.#keep()}
    >
      <p>Delete ${name}? Its ${formatBytes(bytes)} would have to be loaded again.</p>
      <button class="delete" @click=${() => void this.#delete(id, name)}>Delete</button>
      <button class="keep" @click=${() => void this.#keep()}>Keep</button>
    </div>`;
  }

  async #ask(id: string): Promise<void> {
    this.error = undefined;
    this.asked = id;
    await this.updateComplete;
    // On the harmless button.
    this.#focus(id, '.keep');
  }

  async #keep(): Promise<void> {
    const id = this.asked;
    this.asked = undefined;
    await this.updateComplete;
    if (id !== undefined) this.#focus(id, '.ask');
  }

  async #delete(id: string, name: string): Promise<void> {
    this.asked = undefined;
    this.deleting = id;
    try {
      await this.shelf.remove(id);
      this.announcement = `${name} is deleted`;
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.deleting = undefined;
    await this.refresh();
    await this.updateComplete;
    const [next] = this.models ?? [];
    if (next) this.#focus(this.models?.some((model) => model.id === id) ? id : next.id, '.ask');
  }

  #focus(id: string, selector: string): void {
    this.shadowRoot?.querySelector<HTMLElement>(`[data-id='${CSS.escape(id)}'] ${selector}`)?.focus();
  }

  #fail(thrown: unknown): void {
    this.error = EngineError.from(thrown);
    this.announcement = this.error.message;
    emit(this, 'sluice-error', { error: this.error });
  }
}

function describeRoom({ usedBytes, quotaBytes }: NonNullable<Room>): string {
  return `This site uses ${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)} (${formatShare(quotaBytes > 0 ? usedBytes / quotaBytes : NaN)})`;
}

function shareOf({ usedBytes, quotaBytes }: NonNullable<Room>): number {
  return quotaBytes > 0 ? Math.min(1, usedBytes / quotaBytes) : 0;
}

/** "Nov 28, 2026, 3:47 AM", in the reader's time zone. */
function formatDate(timeMs: number): string {
  return new Date(timeMs).toLocaleString('en-US', { dateStyle: 'medium', timeStyle: 'short' });
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-stored-models': SluiceStoredModels;
  }
}
