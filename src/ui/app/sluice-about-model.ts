// <sluice-about-model>: a disclosure with what the model's file holds: layers, router, experts, bytes by kind of tensor, tokenizer, template, and what the
// model needs on the GPU at several budgets. Asks the engine when it is opened.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { EngineApi } from '../../core/api';
import { EngineError } from '../../core/errors';
import type { ModelDescription } from '../../core/model-description';
import { controls, tokens } from '../styles';
import '../chat/sluice-notice';
import { descriptionView } from './description-view';

/** @property {EngineApi} engine - whose model is described; without one nothing is shown */
@customElement('sluice-about-model')
export class SluiceAboutModel extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @state() private description: ModelDescription | undefined;
  @state() private error: EngineError | undefined;
  @query('details') private readonly details!: HTMLDetailsElement | null;

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
        font-size: 0.8125rem;
        min-width: 0;
      }
      summary {
        cursor: pointer;
        padding-block: 0.5rem;
        font-weight: 500;
        border-radius: 6px;
      }
      h3 {
        margin: 0.9rem 0 0.25rem;
        font-size: 0.8125rem;
        font-weight: 600;
      }
      p {
        margin: 0.25rem 0 0;
        color: var(--_ink-soft);
        overflow-wrap: anywhere;
      }
      dl {
        margin: 0;
        font-variant-numeric: tabular-nums;
      }
      dl div {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 1rem;
        padding-block: 0.1rem;
      }
      dt {
        color: var(--_ink-soft);
      }
      dd {
        margin: 0;
        min-width: 0;
        text-align: end;
        overflow-wrap: anywhere;
      }
      .scroll {
        overflow-x: auto;
      }
      th,
      td {
        padding-inline: 0.25rem;
        white-space: nowrap;
      }
      pre {
        margin: 0;
        padding: 0.6rem 0.75rem;
        max-height: 18rem;
        overflow: auto;
        border-radius: 8px;
        background: var(--_raised);
        font: 0.75rem / 1.45 var(--_mono);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('engine')) return;
    this.description = undefined;
    this.error = undefined;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('engine') && this.details?.open) void this.#load();
  }

  override render(): unknown {
    if (!this.engine) return nothing;
    return html`<details @toggle=${() => void this.#load()}>
      <summary>About this model</summary>
      ${this.error ? html`<sluice-notice .error=${this.error}></sluice-notice>` : nothing} ${this.description ? descriptionView(this.description) : nothing}
    </details>`;
  }

  async #load(): Promise<void> {
    const { engine } = this;
    if (!engine || this.description || !this.details?.open) return;
    this.error = undefined;
    try {
      const description = await engine.describe();
      if (engine === this.engine) this.description = description;
    } catch (thrown) {
      if (engine === this.engine) this.error = EngineError.from(thrown);
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-about-model': SluiceAboutModel;
  }
}
