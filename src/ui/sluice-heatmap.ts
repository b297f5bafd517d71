// <sluice-heatmap>: every expert of the model as a cell, layers downwards. Colour is where the expert is, brightness how often and how recently it was
// used; a cell flashes when a token is routed to it, in another colour when it was missing on the GPU.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { EngineApi } from '../core/api';
import { TIERS, type RoutingFrame } from '../core/routing-frame';
import { cssVars } from './css-vars';
import type { CellPlace, CursorMove, HeatmapPalette } from './draw/heatmap';
import { moveCursor } from './draw/heatmap';
import { EngineLink, followRouting } from './engine-link';
import { HeatmapCanvas } from './heatmap/heatmap-canvas';
import { heatmapStyles } from './heatmap/heatmap-styles';
import { readPalette } from './heatmap/palette';
import { expertsTable, layersTable } from './heatmap/usage-table';
import { checkFrame, describeAge, describeCell, ExpertUsage, tierNames, type TierNames } from './model/expert-usage';
import { formatCount, formatShare } from './model/format';
import { OncePerFrame } from './once-per-frame';
import { controls, tierSwatches, tokens } from './styles';

/** How often the table and the numbers beside the map follow the routing. */
const NUMBERS_INTERVAL_MS = 500;
const LABEL_DISTANCE_PX = 15;

const MOVES: Readonly<Record<string, CursorMove>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'rowStart',
  End: 'rowEnd',
};

/**
 * @property {EngineApi} engine - whose routing to show
 * @attr for - id of a <sluice-chat> in the same tree whose engine to show
 * @attr show-prefill - count the tokens of prompts too, not only generated ones
 * @attr view - 'map' (default) or 'table'
 * @method push(frame) - shows a frame that did not come from `engine`
 * @method reset() - forgets all counts
 * @csspart canvas, legend, tooltip
 * @cssprop --sluice-tier-gpu, --sluice-tier-ram, --sluice-tier-disk, --sluice-tier-network - colours of the tiers
 * @cssprop --sluice-flash-hit, --sluice-flash-miss - colours of the flashes
 * @cssprop --sluice-heatmap-max-height - taller maps scroll (26rem)
 */
@customElement('sluice-heatmap')
export class SluiceHeatmap extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';
  @property({ type: Boolean, attribute: 'show-prefill' }) showPrefill = false;
  @property({ reflect: true }) view: 'map' | 'table' = 'map';

  @state() private cursor: CellPlace | undefined;
  @state() private cursorIsKeyboard = false;
  @state() private announcement = '';
  @state() private tableLayer = -1;
  /** Whether the map is taller than its view, which then needs the keyboard to scroll. */
  @state() private scrolls = false;
  @query('canvas') private readonly canvas!: HTMLCanvasElement | null;
  @query('.view') private readonly viewport!: HTMLElement | null;

  readonly #map = new HeatmapCanvas();
  readonly #draw = new OncePerFrame((nowMs) => this.#onFrame(nowMs));
  // Not in the observer's own callback: the canvas changes the size of the element, which a browser reports as a loop.
  readonly #resized = new OncePerFrame(() => this.#onResize());
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #usage: ExpertUsage | undefined;
  #palette: HeatmapPalette | undefined;
  #unfollow: (() => void) | undefined;
  #isOnScreen = true;
  #areNumbersOld = false;
  #numbersTimer: ReturnType<typeof setTimeout> | undefined;
  #visibility: IntersectionObserver | undefined;
  #size: ResizeObserver | undefined;

  static override readonly styles = [tokens, controls, tierSwatches, heatmapStyles];

  constructor() {
    super();
    new EngineLink(this);
  }

  /** What has been counted; undefined before the first frame. */
  get usage(): ExpertUsage | undefined {
    return this.#usage;
  }

  push(frame: RoutingFrame): void {
    checkFrame(frame);
    const isNew = !ExpertUsage.fits(this.#usage, frame);
    if (isNew) {
      this.#usage = new ExpertUsage(frame.layerCount, frame.expertCount);
      this.cursor = undefined;
      this.requestUpdate();
    }
    this.#usage?.add(frame, performance.now(), frame.phase === 'decode' || this.showPrefill);
    this.#requestDraw();
    this.#requestNumbers();
  }

  reset(): void {
    this.#usage?.reset();
    this.announcement = 'Counts are reset';
    this.#requestDraw();
    this.requestUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#visibility = new IntersectionObserver((entries) => {
      this.#isOnScreen = entries.at(-1)?.isIntersecting ?? true;
      this.#requestDraw();
    });
    this.#visibility.observe(this);
    this.#size = new ResizeObserver(() => this.#resized.request());
    this.#size.observe(this);
    if (this.engine && !this.#unfollow) this.#unfollow = followRouting(this.engine, (frame) => this.push(frame));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#visibility?.disconnect();
    this.#size?.disconnect();
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#draw.cancel();
    this.#resized.cancel();
    clearTimeout(this.#numbersTimer);
    this.#numbersTimer = undefined;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('engine')) return;
    this.#unfollow?.();
    this.#unfollow = undefined;
    const { engine } = this;
    // An empty map of the model at once, before anything is routed.
    const expertCount = Math.max(0, ...(engine?.model.expertCounts ?? []));
    this.#usage = engine && expertCount > 0 ? new ExpertUsage(engine.model.moeLayers.length, expertCount) : undefined;
    this.cursor = undefined;
    this.tableLayer = -1;
    if (engine && this.isConnected) this.#unfollow = followRouting(engine, (frame) => this.push(frame));
  }

  protected override updated(): void {
    this.#onResize();
  }

  override render(): unknown {
    const usage = this.#usage;
    return html`
      <div class="toolbar">
        <button class="quiet" aria-pressed=${this.view === 'table'} @click=${() => (this.view = this.view === 'table' ? 'map' : 'table')}>Table</button>
        <button class="quiet" @click=${() => this.reset()} ?disabled=${!usage}>Reset</button>
        <label><input type="checkbox" .checked=${this.showPrefill} @change=${this.#onPrefillToggle} /> Count prompts</label>
        <span class="summary numbers">${usage ? `${formatCount(usage.tokenCount)} ${usage.tokenCount === 1 ? 'token' : 'tokens'}` : ''}</span>
      </div>
      ${usage ? (this.view === 'table' ? this.#tableView(usage) : this.#mapView(usage)) : html`<p class="empty">No model yet.</p>`} ${this.#legend()}
      <div class="visually-hidden" role="status">${this.announcement}</div>
    `;
  }

  #mapView(usage: ExpertUsage): TemplateResult {
    const { cursor } = this;
    const rect = cursor && this.#map.rectOf(cursor);
    return html`
      <div class="view" tabindex=${this.scrolls ? 0 : nothing} role=${this.scrolls ? 'group' : nothing} aria-label=${this.scrolls ? 'Map of experts' : nothing}>
        <div class="map">
          <div class="experts" aria-hidden="true">${this.#expertLabels(usage)}</div>
          <div class="layers" aria-hidden="true">${this.#layerLabels(usage)}</div>
          <div
            class="grid"
            role="application"
            aria-roledescription="heat map"
            aria-label="Experts in use: ${usage.layerCount} layers of ${usage.expertCount} experts. Arrow keys move from expert to expert."
            tabindex="0"
            @keydown=${this.#onKeydown}
            @focus=${this.#onFocus}
            @blur=${() => (this.cursor = undefined)}
            @pointermove=${this.#onPointer}
            @pointerdown=${this.#onPointer}
            @pointerleave=${this.#onPointerLeave}
          >
            <canvas part="canvas"></canvas>
            ${rect ? html`<div class="cursor" ${cssVars({ '--x': `${rect.x}px`, '--y': `${rect.y}px`, '--width': `${rect.width}px`, '--height': `${rect.height}px` })}></div>` : nothing}
          </div>
        </div>
      </div>
      ${cursor && rect ? this.#tooltip(usage, cursor) : nothing}
      <div class="visually-hidden">${layersTable(usage, this.#tierNames)}</div>
    `;
  }

  #tableView(usage: ExpertUsage): TemplateResult {
    return html`
      <label class="toolbar"
        ><span class="visually-hidden">Layer to show</span>
        <select @change=${(event: Event) => (this.tableLayer = Number((event.target as HTMLSelectElement).value))}>
          <option value="-1" ?selected=${this.tableLayer < 0}>All layers</option>
          ${Array.from({ length: usage.layerCount }, (_, layer) => html`<option value=${layer} ?selected=${this.tableLayer === layer}>Layer ${layer}</option>`)}
        </select></label
      >
      <div class="view" tabindex="0" role="region" aria-label="Experts as a table">
        ${this.tableLayer < 0 ? layersTable(usage, this.#tierNames) : expertsTable(usage, this.tableLayer, this.#tierNames)}
      </div>
    `;
  }

  #tooltip(usage: ExpertUsage, cursor: CellPlace): TemplateResult {
    const cell = usage.cell(cursor.layer, cursor.expert);
    const rect = this.#map.rectOf(cursor);
    const grid = this.shadowRoot?.querySelector('.grid')?.getBoundingClientRect();
    const host = this.getBoundingClientRect();
    const x = (grid?.left ?? 0) - host.left + (rect?.x ?? 0) + (rect?.width ?? 0) / 2;
    const y = (grid?.top ?? 0) - host.top + (rect?.y ?? 0) + (rect?.height ?? 0) + 10;
    return html`<div class="tooltip" part="tooltip" aria-hidden="true" ${cssVars({ '--x': `${x}px`, '--y': `${y}px` })}>
      <b>Layer ${cell.layer} · expert ${cell.expert}</b>
      <dl>
        <dt>Where</dt>
        <dd>${cell.tier ? this.#tierNames[cell.tier] : 'not known yet'}</dd>
        <dt>Used</dt>
        <dd>${formatCount(cell.useCount)} · ${formatShare(cell.share)}</dd>
        <dt>Misses</dt>
        <dd>${formatCount(cell.missCount)}</dd>
        <dt>Last used</dt>
        <dd>${cell.tokensSinceUse === undefined ? 'not yet' : describeAge(cell.tokensSinceUse)}</dd>
      </dl>
    </div>`;
  }

  #legend(): TemplateResult {
    return html`<ul class="legend" part="legend" aria-label="Colours" @transitionend=${this.#onThemeChange}>
      ${TIERS.map((tier) => html`<li><span class="swatch" data-tier=${tier}></span>${this.#tierNames[tier]}</li>`)}
      <li><span class="ramp"></span>more used</li>
      <li><span class="swatch" data-tier="hit-flash"></span>routed</li>
      <li><span class="swatch" data-tier="miss-flash"></span>missing</li>
      <li class="probe" data-tier="surface" aria-hidden="true"></li>
      <li class="probe" data-tier="unknown" aria-hidden="true"></li>
    </ul>`;
  }

  #layerLabels(usage: ExpertUsage): unknown {
    const first = this.#map.rectOf({ layer: 0, expert: 0 });
    const second = this.#map.rectOf({ layer: 1, expert: 0 });
    if (!first) return nothing;
    const pitch = second ? second.y - first.y : first.height;
    const step = Math.max(1, Math.ceil(LABEL_DISTANCE_PX / pitch));
    const layers = Array.from({ length: Math.ceil(usage.layerCount / step) }, (_, index) => index * step);
    return layers.map((layer) => html`<span ${cssVars({ '--at': `${layer * pitch + Math.min(first.height, pitch) / 2}px` })}>${layer}</span>`);
  }

  #expertLabels(usage: ExpertUsage): unknown {
    const layout = this.#map.layout;
    if (!layout || layout.rowsPerLayer > 1) return nothing;
    const step = [1, 2, 4, 8, 16, 32, 64, 128].find((size) => usage.expertCount / size <= 10) ?? 256;
    const experts = Array.from({ length: Math.ceil(usage.expertCount / step) }, (_, index) => index * step);
    return experts.map((expert) => {
      const rect = this.#map.rectOf({ layer: 0, expert });
      return rect ? html`<span ${cssVars({ '--at': `${rect.x + rect.width / 2}px` })}>${expert}</span>` : nothing;
    });
  }

  get #tierNames(): TierNames {
    return tierNames(this.engine?.model.backend);
  }

  #onResize(): void {
    const { canvas } = this;
    const grid = canvas?.parentElement;
    const usage = this.#usage;
    if (!canvas || !grid || !usage || grid.clientWidth === 0) return;
    if (this.#map.resize(canvas, usage.layerCount, usage.expertCount, grid.clientWidth, devicePixelRatio)) this.requestUpdate();
    const { viewport } = this;
    this.scrolls = viewport !== null && viewport.scrollHeight > viewport.clientHeight + 1;
    this.#requestDraw();
  }

  /** The first change shows at once, later ones at the pace that a reader can follow. */
  #requestNumbers(): void {
    if (this.#numbersTimer !== undefined) {
      this.#areNumbersOld = true;
      return;
    }
    this.#areNumbersOld = false;
    this.requestUpdate();
    this.#numbersTimer = setTimeout(() => {
      this.#numbersTimer = undefined;
      if (this.#areNumbersOld) this.#requestNumbers();
    }, NUMBERS_INTERVAL_MS);
  }

  #requestDraw(): void {
    if (this.isConnected && this.#isOnScreen && this.view === 'map') this.#draw.request();
  }

  #onFrame(nowMs: number): void {
    if (!this.#usage) return;
    this.#palette ??= readPalette((name) => this.shadowRoot?.querySelector(`.legend [data-tier='${name}']`) ?? null);
    const isFading = this.#map.draw(this.#usage, this.#palette, nowMs, !this.#reducedMotion.matches);
    if (isFading) this.#requestDraw();
  }

  #onThemeChange(): void {
    this.#palette = undefined;
    this.#requestDraw();
  }

  #onPrefillToggle(event: Event): void {
    this.showPrefill = (event.target as HTMLInputElement).checked;
  }

  #onFocus(): void {
    if (!this.shadowRoot?.activeElement?.matches(':focus-visible')) return;
    this.#setCursor(this.cursor ?? { layer: 0, expert: 0 });
  }

  #onKeydown(event: KeyboardEvent): void {
    const move = event.ctrlKey && event.key === 'Home' ? 'first' : event.ctrlKey && event.key === 'End' ? 'last' : MOVES[event.key];
    if (event.key === 'Escape') this.cursor = undefined;
    const layout = this.#map.layout;
    if (move === undefined || layout === undefined) return;
    event.preventDefault();
    this.#setCursor(this.cursor ? moveCursor(layout, this.cursor, move) : { layer: 0, expert: 0 });
  }

  #setCursor(cell: CellPlace): void {
    this.cursor = cell;
    this.cursorIsKeyboard = true;
    if (this.#usage) this.announcement = describeCell(this.#usage.cell(cell.layer, cell.expert), this.#tierNames);
    const rect = this.#map.rectOf(cell);
    const { viewport } = this;
    if (rect && viewport) {
      if (rect.y < viewport.scrollTop) viewport.scrollTop = rect.y;
      else if (rect.y + rect.height + 32 > viewport.scrollTop + viewport.clientHeight) viewport.scrollTop = rect.y + rect.height + 32 - viewport.clientHeight;
    }
  }

  #onPointer(event: PointerEvent): void {
    const bounds = this.canvas?.getBoundingClientRect();
    if (!bounds) return;
    this.cursorIsKeyboard = false;
    this.cursor = this.#map.cellAt(event.clientX - bounds.left, event.clientY - bounds.top);
  }

  #onPointerLeave(): void {
    if (!this.cursorIsKeyboard) this.cursor = undefined;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-heatmap': SluiceHeatmap;
  }
}
