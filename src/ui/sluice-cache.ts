// <sluice-cache>: what holds the experts and how well it works: hits, misses, halts, bytes by tier, and the GPU budget, which can be changed while an
// answer is being written.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { EngineApi, EngineStats } from '../core/api';
import { EngineError } from '../core/errors';
import { formatBytes } from '../core/units';
import { cacheStyles } from './cache/cache-styles';
import { cssVars } from './css-vars';
import { EngineLink } from './engine-link';
import { emit } from './events';
import {
  budgetAdvice,
  budgetPercent,
  bytesForPercent,
  hitRate,
  MAX_BUDGET_PERCENT,
  MIN_BUDGET_PERCENT,
  minimumBytes,
  percentOfExperts,
  type BudgetAdvice,
} from './model/budget';
import { tierNames } from './model/expert-usage';
import { formatCount, formatRate, formatShare } from './model/format';
import { controls, tierSwatches, tokens } from './styles';
import './chat/sluice-notice';

/** Statistics are asked for this often while they change, and less often while they do not. */
const BUSY_INTERVAL_MS = 400;
const IDLE_INTERVAL_MS = 2000;
/** A moving slider sets the budget after it has rested so long. */
const BUDGET_DELAY_MS = 250;

const ADVICE: Readonly<Record<BudgetAdvice, string>> = {
  resident: 'All experts fit: nothing has to be brought in.',
  streams: 'Experts that are missing are brought in while the answer is written. The text is the same.',
  'below-cycle': 'Less than the experts of one token: most tokens will wait at most layers. The text is the same, only slower.',
};

/**
 * @property {EngineApi} engine
 * @attr for - id of a <sluice-chat> in the same tree whose engine to show
 * @fires sluice-error - {error}: the budget could not be set
 * @csspart figures, budget
 */
@customElement('sluice-cache')
export class SluiceCache extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';

  @state() private stats: EngineStats | undefined;
  /** Where the slider is while it has not been applied. */
  @state() private wantedPercent: number | undefined;
  @state() private error: EngineError | undefined;

  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #budgetTimer: ReturnType<typeof setTimeout> | undefined;
  #isOnScreen = true;
  #visibility: IntersectionObserver | undefined;

  static override readonly styles = [tokens, controls, tierSwatches, cacheStyles];

  constructor() {
    super();
    new EngineLink(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#visibility = new IntersectionObserver((entries) => {
      this.#isOnScreen = entries.at(-1)?.isIntersecting ?? true;
    });
    this.#visibility.observe(this);
    this.#schedule(0);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#visibility?.disconnect();
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#budgetTimer);
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has('engine')) return;
    this.stats = undefined;
    this.wantedPercent = undefined;
    this.error = undefined;
    clearTimeout(this.#budgetTimer);
    this.#schedule(0);
  }

  override render(): unknown {
    const { stats } = this;
    if (stats === undefined) return html`<p class="empty">${this.engine ? 'Reading the figures…' : 'No model yet.'}</p>`;
    return html`
      ${this.#budgetView(stats)} ${this.#rateView(stats)} ${this.#tiersView(stats)} ${this.#figuresView(stats)}
      ${[...(this.engine?.model.notices ?? []), ...(this.stats?.notices ?? [])].map((notice) => html`<sluice-notice>${notice}</sluice-notice>`)}
      ${this.error ? html`<sluice-notice .error=${this.error}></sluice-notice>` : nothing}
    `;
  }

  #budgetView({ budget, backend }: EngineStats): TemplateResult {
    const percent = this.wantedPercent ?? budgetPercent(budget);
    const bytes = bytesForPercent(percent, budget);
    const advice = budgetAdvice(bytes, budget);
    const cliffPercent = percentOfExperts(budget.tokenCycleBytes, budget);
    const minimum = minimumBytes(budget);
    const isRaised = this.wantedPercent === undefined && budget.gpuBytes > budget.requestedGpuBytes && budget.gpuBytes <= minimum;
    return html`<div class="budget" part="budget">
      <label for="budget">${backend === 'cpu' ? 'Memory for expert slots' : 'GPU memory for experts'}</label>
      <output for="budget" class="numbers">${formatBytes(bytes)} <span class="soft">of ${formatBytes(budget.expertTotalBytes)} · ${percent} %</span></output>
      <div class="slider">
        <input
          id="budget"
          type="range"
          min=${MIN_BUDGET_PERCENT}
          max=${MAX_BUDGET_PERCENT}
          step="1"
          .value=${String(percent)}
          aria-valuetext="${percent} percent, ${formatBytes(bytes)}"
          aria-describedby="advice"
          @input=${this.#onSlide}
        />
        <span
          class="cliff"
          title="One token's experts: ${formatBytes(budget.tokenCycleBytes)}"
          ${cssVars({ '--at': ((cliffPercent - MIN_BUDGET_PERCENT) / (MAX_BUDGET_PERCENT - MIN_BUDGET_PERCENT)).toFixed(4) })}
        ></span>
      </div>
      <p id="advice" class="advice" data-advice=${advice}>${ADVICE[advice]}</p>
      <p class="soft small numbers">
        In use ${formatBytes(budget.gpuBytes)} in ${formatCount(budget.gpuSlots)} slots · one token needs ${formatBytes(budget.tokenCycleBytes)} · least
        ${formatBytes(minimum)}${isRaised ? ' (raised to this)' : ''}
      </p>
    </div>`;
  }

  #rateView(stats: EngineStats): TemplateResult {
    const rate = hitRate(stats.expertHits, stats.expertMisses);
    return html`<dl class="rates numbers">
      <div>
        <dt>Hit rate</dt>
        <dd>${formatShare(rate)}</dd>
      </div>
      <div>
        <dt>Hits</dt>
        <dd>${formatCount(stats.expertHits)}</dd>
      </div>
      <div>
        <dt>Misses</dt>
        <dd>${formatCount(stats.expertMisses)}</dd>
      </div>
      <div>
        <dt>Halts</dt>
        <dd>${formatCount(stats.halts)}</dd>
      </div>
    </dl>`;
  }

  #tiersView({ bytesHeld, expertsHeld, bytesRead, bytesUploaded, budget }: EngineStats): TemplateResult {
    const names = tierNames(this.stats?.backend);
    const rows = [
      { tier: 'gpu', name: names.gpu, bytes: bytesHeld.gpuExperts, experts: expertsHeld.gpu, moved: bytesUploaded, verb: 'written' },
      { tier: 'ram', name: names.ram, bytes: bytesHeld.ram, experts: expertsHeld.ram, moved: bytesRead.ram, verb: 'read' },
      { tier: 'disk', name: names.disk, bytes: bytesHeld.disk, experts: expertsHeld.disk, moved: bytesRead.disk, verb: 'read' },
      { tier: 'network', name: names.network, bytes: undefined, experts: undefined, moved: bytesRead.network, verb: 'read' },
    ] as const;
    return html`<table class="tiers">
      <caption class="visually-hidden">
        Experts held by tier, and bytes moved in the last answer
      </caption>
      <thead>
        <tr>
          <th scope="col">Tier</th>
          <th scope="col">Held</th>
          <th scope="col" class="number">Experts</th>
          <th scope="col" class="number">Last answer</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              <th scope="row"><span class="swatch" data-tier=${row.tier}></span> ${row.name}</th>
              <td>
                ${
                  row.bytes === undefined
                    ? html`<span class="soft">–</span>`
                    : html`<span class="bar" data-tier=${row.tier}
                          ><i ${cssVars({ '--share': (budget.expertTotalBytes ? Math.min(1, row.bytes / budget.expertTotalBytes) : 0).toFixed(4) })}></i></span
                        >${formatBytes(row.bytes)}`
                }
              </td>
              <td class="number">
                ${row.experts === undefined ? '–' : html`${formatCount(row.experts)}<span class="of"> / ${formatCount(expertsHeld.total)}</span>`}
              </td>
              <td class="number">${formatBytes(row.moved)} <span class="soft">${row.verb}</span></td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }

  #figuresView(stats: EngineStats): TemplateResult {
    const figures: ReadonlyArray<readonly [string, string]> = [
      ['Decode', `${formatRate(stats.decodeTokensPerSecond)} tokens/s`],
      ['Prefill', `${formatRate(stats.prefillTokensPerSecond)} tokens/s`],
      ['Dispatches per token', stats.dispatchesPerToken.toFixed(stats.dispatchesPerToken % 1 === 0 ? 0 : 1)],
      ['Readbacks per token', stats.readbacksPerToken.toFixed(2)],
      ['Trunk', formatBytes(stats.bytesHeld.gpuTrunk)],
      ['Cache and buffers', formatBytes(stats.bytesHeld.gpuOther)],
      ['Backend', stats.backend === 'webgpu' ? 'WebGPU' : 'CPU'],
      ['Adapter', stats.adapter],
      ['Expert store', STORE_NAMES[stats.store] ?? stats.store],
    ];
    const repaired = stats.recordsRepaired > 0 ? ([['Records repaired', formatCount(stats.recordsRepaired)]] as const) : [];
    return html`<dl class="figures numbers" part="figures">
      ${[...figures, ...repaired].map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`;
  }

  #onSlide(event: Event): void {
    this.wantedPercent = Number((event.target as HTMLInputElement).value);
    clearTimeout(this.#budgetTimer);
    this.#budgetTimer = setTimeout(() => void this.#applyBudget(), BUDGET_DELAY_MS);
  }

  async #applyBudget(): Promise<void> {
    const { engine, wantedPercent } = this;
    if (!engine || wantedPercent === undefined) return;
    try {
      const budget = await engine.setBudget({ gpuBytes: `${wantedPercent}%` });
      if (this.engine !== engine) return;
      this.error = undefined;
      if (this.stats) this.stats = { ...this.stats, budget };
    } catch (thrown) {
      if (this.engine !== engine) return;
      this.error = EngineError.from(thrown);
      emit(this, 'sluice-error', { error: this.error });
    }
    if (this.wantedPercent === wantedPercent) this.wantedPercent = undefined;
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#pollTimer);
    if (!this.isConnected) return;
    this.#pollTimer = setTimeout(() => void this.#poll(), delayMs);
  }

  async #poll(): Promise<void> {
    const { engine } = this;
    let delayMs = IDLE_INTERVAL_MS;
    if (engine && this.#isOnScreen && document.visibilityState === 'visible') {
      try {
        const stats = await engine.stats();
        if (this.engine !== engine) return;
        if (stats.generatedTokens !== this.stats?.generatedTokens || stats.expertHits !== this.stats.expertHits) delayMs = BUSY_INTERVAL_MS;
        this.stats = stats;
      } catch {
        // A disposed or failed engine has no figures; <sluice-chat> reports why. The last ones stay until another engine comes.
      }
    }
    if (this.engine === engine) this.#schedule(delayMs);
  }
}

const STORE_NAMES: Readonly<Record<string, string>> = { opfs: 'Files (OPFS)', indexeddb: 'IndexedDB', memory: 'Memory only' };

declare global {
  interface HTMLElementTagNameMap {
    'sluice-cache': SluiceCache;
  }
}
