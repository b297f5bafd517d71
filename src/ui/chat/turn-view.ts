// One turn of the conversation as a template: what was asked, the answer, its figures and actions.

import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { unsafeHTML } from 'lit/directives/unsafe-html.js';
import type { EngineStats } from '../../core/api';
import { formatCount, formatRate } from '../model/format';
import type { Turn } from './conversation';
import { markdownBlocks } from './markdown';
import '../sluice-times';
import './sluice-notice';

export interface TurnActions {
  readonly copy: (turn: Turn) => void;
  /** Undefined where it cannot be done: not the last turn, or no engine. */
  readonly regenerate: (() => void) | undefined;
  readonly copiedTurnId: number | undefined;
}

export function turnView(turn: Turn, actions: TurnActions): TemplateResult {
  const isWriting = turn.status === 'waiting' || turn.status === 'streaming';
  return html`<li class="turn" part="turn" aria-busy=${isWriting}>
    ${turn.kind === 'chat' ? html`<div class="user" part="user"><span class="visually-hidden">You: </span>${turn.prompt}</div>` : nothing} ${answerView(turn)}
    ${turn.error ? html`<sluice-notice .error=${turn.error}></sluice-notice>` : nothing}
    ${
      isWriting
        ? nothing
        : html`<div class="facts">
              <span class="figures numbers">${turnFigures(turn)}</span>
              ${turn.answer === '' ? nothing : html`<button class="quiet" @click=${() => actions.copy(turn)}>${actions.copiedTurnId === turn.id ? 'Copied' : 'Copy'}</button>`}
              ${actions.regenerate ? html`<button class="quiet" @click=${actions.regenerate}>Regenerate</button>` : nothing}
            </div>
            ${turn.stats ? timesView(turn.stats) : nothing}`
    }
  </li>`;
}

function timesView(stats: EngineStats): TemplateResult {
  return html`<details class="times">
    <summary>Where the time went</summary>
    <sluice-times .stats=${stats}></sluice-times>
  </details>`;
}

function answerView(turn: Turn): TemplateResult | typeof nothing {
  if (turn.status === 'waiting' && turn.kind === 'chat') return html`<div class="waiting" aria-hidden="true"><i></i><i></i><i></i></div>`;
  if (turn.kind === 'completion') {
    return html`<div class="answer plain" part="answer"><span class="continued">${turn.prompt}</span><span>${turn.answer}</span></div>`;
  }
  if (turn.answer === '') return nothing;
  return html`<div class="answer" part="answer">
    <span class="visually-hidden">Answer: </span>
    ${repeat(
      markdownBlocks(turn.answer),
      (_block, index) => index,
      (block) => html`<div>${unsafeHTML(block)}</div>`,
    )}
  </div>`;
}

/** "132 tokens · 14.2 tokens/s · seed 7", and why it ended if that is not a plain end. */
function turnFigures(turn: Turn): string {
  const parts: string[] = [];
  if (turn.tokenCount > 0) parts.push(`${formatCount(turn.tokenCount)} ${turn.tokenCount === 1 ? 'token' : 'tokens'}`);
  if (turn.tokensPerSecond > 0) parts.push(`${formatRate(turn.tokensPerSecond)} tokens/s`);
  if (turn.status === 'stopped') parts.push('stopped');
  if (turn.status === 'failed') parts.push('failed');
  if (turn.finishReason === 'length') parts.push('cut at the longest length');
  parts.push(`seed ${turn.seed}`);
  return parts.join(' · ');
}

/** What is announced when an answer ends. */
export function describeEnd(turn: Turn): string {
  const figures = `${formatCount(turn.tokenCount)} tokens, ${formatRate(turn.tokensPerSecond)} tokens per second`;
  return turn.status === 'stopped' ? `Stopped after ${figures}.` : `Answer complete: ${figures}.`;
}
