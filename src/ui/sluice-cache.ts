// <sluice-cache>: what holds the experts and how well it works: hits, misses, halts, bytes by tier, where the time went, and the budgets, which can be changed
// while an answer is being written.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import type { EngineApi, EngineStats } from '../core/api';
import { EngineError } from '../core/errors';
import { formatBytes } from '../core/units';
import { cacheStyles } from './cache/cache-styles';
import { figuresView, rateView, tiersView } from './cache/cache-views';
import { cssVars } from './css-vars';
import { EngineLink } from './engine-link';
import { emit } from './events';
import {
  budgetAdvice,
  budgetPercent,
  bytesForPercent,
  describeAdvice,
  MAX_BUDGET_PERCENT,
  MIN_BUDGET_PERCENT,
  minimumBytes,
  recommendedPercent,
  sliderShare,
} from './model/budget';
import { formatCount } from './model/format';
import { controls, tierSwatches, tokens } from './styles';
import './chat/sluice-notice';
import './sluice-times';

/** Statistics are asked for this often while they change, and less often while they do not. */
const BUSY_INTERVAL_MS = 400;
const IDLE_INTERVAL_MS = 2000;
/** A moving slider sets the budget after it has rested so long. */
const BUDGET_DELAY_MS = 250;
const MEGABYTE = 1_000_000;
const MAX_RAM_MEGABYTES = 1_000_000;

/**
 * @property {EngineApi} engine
 * @attr for - id of a <sluice-chat> in the same tree whose engine to show
 * @fires sluice-error - {error}: the budget could not be set
 * @csspart figures, budget, times
 */
@customElement('sluice-cache')
export class SluiceCache extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';

  @state() private stats: EngineStats | undefined;
  /** Where the slider is while it has not been applied. */
  @state() private wantedPercent: number | undefined;
  /** What was typed for RAM while it has not been applied. */
  @state() private wantedRamBytes: number | undefined;
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
      ${this.#budgetView(stats)} ${rateView(stats)} ${tiersView(stats)}
      <section aria-labelledby="times">
        <h3 id="times">Where the time of the last answer went</h3>
        <sluice-times .stats=${stats} part="times"></sluice-times>
      </section>
      ${figuresView(stats, this.engine?.model)} ${this.#ramView(stats)}
      ${[...(this.engine?.model.notices ?? []), ...(this.stats?.notices ?? [])].map((notice) => html`<sluice-notice>${notice}</sluice-notice>`)}
      ${this.error ? html`<sluice-notice .error=${this.error}></sluice-notice>` : nothing}
    `;
  }

  #budgetView({ budget, backend }: EngineStats): TemplateResult {
    const percent = this.wantedPercent ?? budgetPercent(budget);
    const bytes = bytesForPercent(percent, budget);
    const advice = budgetAdvice(bytes, budget);
    const minimum = minimumBytes(budget);
    const isRaised = this.wantedPercent === undefined && budget.gpuBytes > budget.requestedGpuBytes && budget.gpuBytes <= minimum;
    const recommended = recommendedPercent(budget);
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
          @input=${(event: Event) => this.#want(Number((event.target as HTMLInputElement).value))}
        />
        ${this.#mark('cliff', `One token's experts: ${formatBytes(budget.tokenCycleBytes)}`, budget.tokenCycleBytes)}
        ${this.#mark('recommended', `Recommended: ${formatBytes(budget.recommendedGpuBytes)}`, budget.recommendedGpuBytes)}
      </div>
      <p id="advice" class="advice" data-advice=${advice}>${describeAdvice(advice, budget)}</p>
      ${
        percent >= recommended
          ? nothing
          : html`<button class="quiet use-recommended" @click=${() => this.#want(recommended)}>
              Use recommended (${formatBytes(bytesForPercent(recommended, budget))})
            </button>`
      }
      <p class="soft small numbers">
        In use ${formatBytes(budget.gpuBytes)} in ${formatCount(budget.gpuSlots)} slots · least ${formatBytes(minimum)}${isRaised ? ' (raised to this)' : ''} ·
        <span class="key"><i class="cliff" aria-hidden="true"></i> one token needs ${formatBytes(budget.tokenCycleBytes)}</span> ·
        <span class="key"><i class="recommended" aria-hidden="true"></i> recommended ${formatBytes(budget.recommendedGpuBytes)}</span>
      </p>
    </div>`;
  }

  #mark(name: string, title: string, bytes: number): TemplateResult {
    const at = this.stats ? sliderShare(bytes, this.stats.budget) : 0;
    return html`<span class="mark ${name}" title=${title} ${cssVars({ '--at': at.toFixed(4) })}></span>`;
  }

  #ramView({ budget }: EngineStats): TemplateResult {
    const megabytes = Math.round((this.wantedRamBytes ?? budget.ramBytes) / MEGABYTE);
    return html`<div class="ram">
      <label for="ram">RAM for experts that are not in a slot</label>
      <span class="field"
        ><input
          id="ram"
          type="number"
          min="0"
          max=${MAX_RAM_MEGABYTES}
          step="64"
          .value=${live(String(megabytes))}
          @change=${(event: Event) => void this.#applyRam((event.target as HTMLInputElement).value)}
        />
        MB</span
      >
    </div>`;
  }

  #want(percent: number): void {
    this.wantedPercent = percent;
    clearTimeout(this.#budgetTimer);
    this.#budgetTimer = setTimeout(() => void this.#applyBudget(), BUDGET_DELAY_MS);
  }

  async #applyBudget(): Promise<void> {
    const { wantedPercent } = this;
    if (wantedPercent === undefined) return;
    await this.#setBudget({ gpuBytes: `${wantedPercent}%` });
    if (this.wantedPercent === wantedPercent) this.wantedPercent = undefined;
  }

  async #applyRam(text: string): Promise<void> {
    const megabytes = Number(text);
    const isNumber = text.trim() !== '' && Number.isFinite(megabytes);
    this.wantedRamBytes = isNumber ? Math.min(MAX_RAM_MEGABYTES, Math.max(0, Math.round(megabytes))) * MEGABYTE : undefined;
    if (this.wantedRamBytes !== undefined) await this.#setBudget({ ramBytes: this.wantedRamBytes });
    this.wantedRamBytes = undefined;
    this.requestUpdate();
  }

  async #setBudget(wish: Parameters<EngineApi['setBudget']>[0]): Promise<void> {
    const { engine } = this;
    if (!engine) return;
    try {
      const budget = await engine.setBudget(wish);
      if (this.engine !== engine) return;
      this.error = undefined;
      if (this.stats) this.stats = { ...this.stats, budget };
    } catch (thrown) {
      if (this.engine !== engine) return;
      this.error = EngineError.from(thrown);
      emit(this, 'sluice-error', { error: this.error });
    }
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

declare global {
  interface HTMLElementTagNameMap {
    'sluice-cache': SluiceCache;
  }
}
