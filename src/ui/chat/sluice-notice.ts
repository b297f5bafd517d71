// <sluice-notice>: one box for what the user should know: an error with its code, sentence and hint, or a plain remark.

import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { EngineError } from '../../core/errors';
import { controls, tokens } from '../styles';

/**
 * @property {EngineError} error - shown with code, message and hint; without it the default slot is the text
 * @attr kind - 'info' (default), 'warning' or 'error'; an `error` makes it 'error'
 * @slot - the text, when there is no `error`
 * @slot actions - buttons
 * @csspart box
 */
@customElement('sluice-notice')
export class SluiceNotice extends LitElement {
  @property({ attribute: false }) error: EngineError | undefined;
  @property({ reflect: true }) kind: 'info' | 'warning' | 'error' = 'info';

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
        font-size: 0.8125rem;
      }
      .box {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.4rem 0.9rem;
        padding: 0.4rem 0.75rem;
        border-radius: var(--_radius);
        background: var(--_raised);
        border-inline-start: 3px solid var(--_line-strong);
      }
      .box[data-kind='warning'] {
        background: var(--_warning-wash);
        border-color: var(--_warning);
      }
      .box[data-kind='error'] {
        background: var(--_danger-wash);
        border-color: var(--_danger);
      }
      .text {
        flex: 1 1 14rem;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      p {
        margin: 0;
      }
      .message {
        font-weight: 600;
      }
      code {
        font: 0.8125rem var(--_mono);
        color: var(--_danger);
      }
    `,
  ];

  override render(): unknown {
    const kind = this.error ? 'error' : this.kind;
    return html`<div class="box" part="box" data-kind=${kind} role=${kind === 'error' ? 'alert' : nothing}>
      <div class="text">
        ${
          this.error
            ? html`<p class="message">${this.error.message}</p>
                <p>${this.error.hint} <code>${this.error.code}</code></p>`
            : html`<slot></slot>`
        }
      </div>
      <slot name="actions"></slot>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-notice': SluiceNotice;
  }
}
