// <sluice-load-progress>: how far a model's loading is: phase, bytes, rate, time left, and a way to cancel.

import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { LoadProgress } from '../../core/api';
import { cssVars } from '../css-vars';
import { describeProgress, phaseTitle } from '../model/format';
import { controls, tokens } from '../styles';

/**
 * @property {LoadProgress} progress
 * @attr name - what is being loaded
 * @fires cancel - the button was pressed
 * @csspart bar
 */
@customElement('sluice-load-progress')
export class SluiceLoadProgress extends LitElement {
  @property({ attribute: false }) progress: LoadProgress | undefined;
  @property() name = 'the model';

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 0.75rem;
      }
      .title {
        font-weight: 600;
      }
      .detail {
        color: var(--_ink-soft);
        font-size: 0.875rem;
        flex: 1;
        min-width: 12rem;
      }
      .bar {
        height: 6px;
        margin-block: 0.6rem 0.3rem;
        border-radius: 3px;
        background: var(--_line);
        overflow: hidden;
      }
      .fill {
        height: 100%;
        border-radius: 3px;
        background: var(--_accent);
        width: calc(var(--share) * 100%);
        transition: width 120ms linear;
      }
      .bar[data-unknown] .fill {
        width: 30%;
        animation: slide 1.4s ease-in-out infinite alternate;
      }
      @keyframes slide {
        from {
          margin-inline-start: 0;
        }
        to {
          margin-inline-start: 70%;
        }
      }
    `,
  ];

  override render(): unknown {
    const { progress } = this;
    const isKnown = progress !== undefined && progress.bytesTotal > 0;
    const share = isKnown ? Math.min(1, progress.bytesDone / progress.bytesTotal) : 0;
    return html`
      <div class="line">
        <span class="title">${phaseTitle(progress?.phase ?? 'open')}</span>
        <span class="detail numbers">${progress ? describeProgress(progress) : this.name}</span>
        <button class="quiet" @click=${this.#cancel}>Cancel</button>
      </div>
      <div
        class="bar"
        part="bar"
        role="progressbar"
        aria-label="Loading ${this.name}"
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${isKnown ? Math.round(share * 100) : nothing}
        aria-valuetext=${progress ? `${phaseTitle(progress.phase)}, ${describeProgress(progress)}` : nothing}
        ?data-unknown=${!isKnown}
      >
        <div class="fill" ${cssVars({ '--share': share })}></div>
      </div>
    `;
  }

  #cancel(): void {
    this.dispatchEvent(new Event('cancel'));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-load-progress': SluiceLoadProgress;
  }
}
