// <sluice-times>: where the time of the last answer went, as a bar of its parts and a table of the same; and what its halts and loads were.

import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { EngineStats } from '../core/api';
import { cssVars } from './css-vars';
import { formatDuration, haltSentence, loadSentence, timeParts, type TimePart } from './model/answer-times';
import { formatShare } from './model/format';
import { controls, tokens } from './styles';

/**
 * @property {EngineStats} stats - of the answer to show, as `engine.stats()`, `sluice-answer` and the last chunk of an answer have it
 * @csspart bar, legend
 * @cssprop --sluice-time-compute, --sluice-time-halt, --sluice-time-read, --sluice-time-checksum, --sluice-time-upload, --sluice-time-wait,
 *   --sluice-time-other - colours of the parts
 */
@customElement('sluice-times')
export class SluiceTimes extends LitElement {
  @property({ attribute: false }) stats: EngineStats | undefined;

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
        container-type: inline-size;
        font-size: 0.8125rem;
        --_compute: var(--sluice-time-compute, light-dark(#0c8577, #38d6c0));
        --_halt: var(--sluice-time-halt, light-dark(#d9483b, #ff7a6c));
        --_read: var(--sluice-time-read, light-dark(#bd7a12, #eaae45));
        --_checksum: var(--sluice-time-checksum, light-dark(#8f6bc9, #b99af0));
        --_upload: var(--sluice-time-upload, light-dark(#2f6fd0, #6ba4ff));
        --_wait: var(--sluice-time-wait, light-dark(#7d7790, #a39db3));
        --_other: var(--sluice-time-other, light-dark(#c3cecb, #48575a));
      }
      p {
        margin: 0;
        color: var(--_ink-soft);
      }
      .bar {
        display: flex;
        gap: 1px;
        height: 0.75rem;
        border-radius: 4px;
        overflow: hidden;
        background: var(--_line);
        margin-block-end: 0.5rem;
      }
      .bar i {
        flex: 0 1 calc(var(--share) * 100%);
        min-width: 0;
      }
      .bar i,
      .swatch {
        forced-color-adjust: none;
        background: var(--_part);
      }
      [data-part='compute'] {
        --_part: var(--_compute);
      }
      [data-part='halt'] {
        --_part: var(--_halt);
      }
      [data-part='read'] {
        --_part: var(--_read);
      }
      [data-part='checksum'] {
        --_part: var(--_checksum);
      }
      [data-part='upload'] {
        --_part: var(--_upload);
      }
      [data-part='wait'] {
        --_part: var(--_wait);
      }
      [data-part='other'] {
        --_part: var(--_other);
      }
      .swatch {
        display: inline-block;
        width: 0.7em;
        height: 0.7em;
        border-radius: 3px;
        margin-inline-end: 0.15rem;
      }
      /* A table for the ear (hence the roles, which another display takes away), cells that flow for the eye. */
      table,
      tbody {
        display: block;
      }
      tbody {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(11rem, 100%), 1fr));
        gap: 0.1rem 1.25rem;
      }
      tr {
        display: flex;
        align-items: baseline;
        gap: 0.4rem;
      }
      th,
      td {
        border: 0;
        padding: 0;
        white-space: nowrap;
      }
      th {
        flex: 1;
        font-weight: 400;
      }
      tr[data-empty] {
        color: var(--_ink-soft);
      }
      td.share {
        min-width: 2.6rem;
        color: var(--_ink-soft);
      }
      .said {
        margin-block-start: 0.5rem;
        font-size: 0.75rem;
      }
    `,
  ];

  override render(): unknown {
    const { stats } = this;
    if (!stats || stats.elapsedMs === 0) return html`<p>Nothing has been answered yet.</p>`;
    const parts = timeParts(stats);
    return html`
      <div class="bar" part="bar" aria-hidden="true">
        ${parts.map((part) => (part.share > 0 ? html`<i data-part=${part.name} title="${part.title}: ${formatDuration(part.ms)}" ${cssVars({ '--share': part.share.toFixed(5) })}></i>` : nothing))}
      </div>
      <table part="legend" role="table">
        <caption class="visually-hidden">
          Where the ${formatDuration(parts.reduce((sum, { ms }) => sum + ms, 0))} of the answer went
        </caption>
        <thead class="visually-hidden" role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Part</th>
            <th scope="col" role="columnheader">Time</th>
            <th scope="col" role="columnheader">Share</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${parts.map((part) => this.#row(part))}
        </tbody>
      </table>
      <p class="said">${haltSentence(stats)} ${loadSentence(stats.loads)}</p>
    `;
  }

  #row({ name, title, meaning, ms, share }: TimePart): TemplateResult {
    return html`<tr role="row" title=${meaning} ?data-empty=${ms === 0}>
      <th scope="row" role="rowheader"><span class="swatch" data-part=${name}></span> ${title}</th>
      <td role="cell">${formatDuration(ms)}</td>
      <td role="cell" class="share number">${formatShare(share)}</td>
    </tr>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-times': SluiceTimes;
  }
}
