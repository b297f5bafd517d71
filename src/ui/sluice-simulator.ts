// <sluice-simulator>: records which experts a conversation uses, and says what other policies and budgets would have made of it on this machine. A trace can be
// saved to a file and another one looked at instead; the recording goes on meanwhile.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { EngineApi } from '../core/api';
import { EngineError } from '../core/errors';
import type { RoutingFrame } from '../core/routing-frame';
import { formatBytes } from '../core/units';
import { encodeTrace } from '../probe/trace-file';
import { type Trace, TraceRecorder, traceOfFrame } from '../probe/trace';
import { DEFAULT_POLICY, POLICY_NAMES } from '../scheduler/create-policy';
import { PREDICTOR_NAMES } from '../scheduler/predictors/create-predictor';
import type { CostModel } from '../scheduler/simulator';
import { storeRates } from './cache/cache-views';
import { EngineLink, followRouting } from './engine-link';
import { emit } from './events';
import { formatDuration } from './model/answer-times';
import { checkFrame } from './model/expert-usage';
import { formatCount } from './model/format';
import { measuredCost, type MeasuredCost } from './model/measured-cost';
import { partCount, type SimulationSpec } from './model/simulation';
import { OncePerFrame } from './once-per-frame';
import { noResults, type Results, withPart } from './simulator/results';
import { curvesView, figuresAt, pointsTable, verdictView } from './simulator/results-view';
import { runSimulation } from './simulator/run-simulation';
import { simulatorStyles } from './simulator/simulator-styles';
import { readTraceFile } from './simulator/trace-input';
import { controls, tokens } from './styles';
import './chat/sluice-notice';

/** A few megabytes for a model of 48 layers with 8 experts per token. */
const MAX_TOKENS = 2048;
const DEFAULT_WIDTH = 420;

/**
 * @property {EngineApi} engine - whose routing to record
 * @attr for - id of a <sluice-chat> in the same tree whose engine to record
 * @attr policy - the policy to look at; the engine's default unless set
 * @attr predictor - the predictor to look ahead with; '' (default) for none
 * @property {Trace} trace - what would be simulated now; undefined before anything is recorded
 * @method push(frame) - records a frame that did not come from `engine`
 * @method run() - simulates; resolves when that is over
 * @method open(file) - looks at a trace from a file instead of the recorded one
 * @fires sluice-error - {error}: a file is no trace, or the simulation failed
 * @csspart curves
 * @cssprop --sluice-curve-policy, --sluice-curve-plain, --sluice-curve-bound - colours of the curves
 */
@customElement('sluice-simulator')
export class SluiceSimulator extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';
  @property() policy: string = DEFAULT_POLICY;
  @property() predictor = '';

  @state() private results: Results | undefined;
  @state() private measured: MeasuredCost | undefined;
  @state() private imported: { readonly name: string; readonly trace: Trace } | undefined;
  @state() private error: EngineError | undefined;
  @state() private running: AbortController | undefined;
  @state() private announcement = '';
  /** Tokens recorded when the results were made. */
  @state() private simulatedTokens = 0;
  @state() private widthPx = DEFAULT_WIDTH;
  @query('input[type=file]') private readonly fileInput!: HTMLInputElement;

  #recorder = new TraceRecorder(MAX_TOKENS);
  #unfollow: (() => void) | undefined;
  #size: ResizeObserver | undefined;
  readonly #changed = new OncePerFrame(() => this.requestUpdate());
  readonly #resized = new OncePerFrame(() => (this.widthPx = Math.max(200, Math.round(this.clientWidth || DEFAULT_WIDTH))));

  static override readonly styles = [tokens, controls, simulatorStyles];

  constructor() {
    super();
    new EngineLink(this);
  }

  get trace(): Trace | undefined {
    return this.imported?.trace ?? (this.#recorder.tokenCount > 0 ? this.#recorder.trace() : undefined);
  }

  push(frame: RoutingFrame): void {
    checkFrame(frame);
    this.#recorder.add(traceOfFrame(frame));
    this.#changed.request();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#size = new ResizeObserver(() => this.#resized.request());
    this.#size.observe(this);
    this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size?.disconnect();
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#changed.cancel();
    this.#resized.cancel();
    this.running?.abort();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('engine') || (changed.get('engine') === undefined && this.#unfollow)) return;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.running?.abort();
    this.#recorder = new TraceRecorder(MAX_TOKENS);
    if (!this.imported) this.results = undefined;
    this.#follow();
  }

  #follow(): void {
    if (this.engine && this.isConnected) this.#unfollow ??= followRouting(this.engine, (frame) => this.push(frame));
  }

  override render(): unknown {
    const count = this.imported?.trace.tokenCount ?? this.#recorder.tokenCount;
    return html`
      <div class="row">
        <span class="soft numbers">${this.#sourceText()}</span>
        <span class="end">
          <button class="quiet" ?disabled=${count === 0} @click=${() => this.#save()}>Save trace</button>
          <button class="quiet" @click=${() => this.fileInput.click()}>Open trace…</button>
          ${
            this.imported
              ? html`<button class="quiet" @click=${() => this.#showRecorded()}>Back to the recording</button>`
              : html`<button class="quiet" ?disabled=${count === 0} @click=${() => this.#startOver()}>Start over</button>`
          }
        </span>
        <input type="file" hidden accept=".sltr" aria-label="Trace file" @change=${this.#onFile} />
      </div>
      ${this.error ? html`<sluice-notice .error=${this.error}></sluice-notice>` : nothing}
      ${count === 0 ? html`<p class="empty">Ask for an answer: the routes of its tokens are recorded here, and can be replayed with other budgets and policies.</p>` : this.#body()}
      <div class="visually-hidden" role="status">${this.announcement}</div>
    `;
  }

  #body(): TemplateResult {
    const { results } = this;
    return html`
      <div class="row choices">
        ${this.#choice('Policy', POLICY_NAMES, this.policy, (policy) => this.#choose({ policy }))}
        ${this.#choice('Look ahead with', ['', ...PREDICTOR_NAMES], this.predictor, (predictor) => this.#choose({ predictor }))}
        ${this.running ? html`<button @click=${() => this.running?.abort()}>Cancel</button>` : html`<button class="primary" @click=${() => void this.run()}>Simulate</button>`}
      </div>
      ${
        this.running && results
          ? html`<div class="row running">
              <progress max=${partCount(results.spec)} .value=${results.partsDone} aria-label="Simulation"></progress>
              <span class="soft numbers">${results.partsDone} of ${partCount(results.spec)}</span>
            </div>`
          : nothing
      }
      ${results && results.points.policy.length > 0 ? this.#resultsView(results) : nothing}
    `;
  }

  #resultsView(results: Results): TemplateResult {
    const newer = this.imported ? 0 : this.#recorder.tokenCount - this.simulatedTokens;
    return html`<div class="result" ?data-old=${newer > 0 && !this.running}>
      <h3>Hit rate by GPU memory for experts</h3>
      <div>${curvesView(results, this.widthPx)}</div>
      ${newer > 0 && !this.running ? html`<p class="soft">${formatCount(newer)} newer ${newer === 1 ? 'token is' : 'tokens are'} not in it yet: simulate again.</p>` : nothing}
      ${figuresAt(results)} ${verdictView(results)}
      <p class="soft">${this.measured ? describeCost(this.measured, results.spec.cost) : nothing} Every run starts with an empty cache.</p>
      <details>
        <summary>All numbers as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="Simulated numbers">${pointsTable(results)}</div>
      </details>
    </div>`;
  }

  #choice(label: string, names: readonly string[], chosen: string, choose: (name: string) => void): TemplateResult {
    const known = names.includes(chosen) ? names : [...names, chosen];
    return html`<label
      >${label}
      <select @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        ${known.map((name) => html`<option value=${name} ?selected=${name === chosen}>${name === '' ? 'nothing' : name}</option>`)}
      </select></label
    >`;
  }

  #sourceText(): string {
    const { imported } = this;
    if (imported) return `${imported.name}: ${describeTrace(imported.trace)}`;
    const { tokenCount } = this.#recorder;
    if (tokenCount === 0) return 'Nothing recorded yet';
    const recorded = `${formatCount(tokenCount)} ${tokenCount === 1 ? 'token' : 'tokens'} recorded`;
    return tokenCount === MAX_TOKENS ? `The first ${recorded}` : recorded;
  }

  async run(): Promise<void> {
    const { engine, trace } = this;
    if (!trace || this.running) return;
    const running = new AbortController();
    this.running = running;
    this.error = undefined;
    const recordedTokens = this.#recorder.tokenCount;
    try {
      const spec = await this.#spec(engine, trace);
      if (running.signal.aborted) return;
      this.results = noResults(spec);
      this.simulatedTokens = recordedTokens;
      const onPart = (part: Parameters<typeof withPart>[1]) => {
        if (this.running === running && this.results) this.results = withPart(this.results, part);
      };
      await runSimulation(spec, onPart, running.signal);
      this.announcement = 'The simulation is done';
    } catch (thrown) {
      const error = EngineError.from(thrown);
      if (error.code === 'aborted') this.announcement = 'The simulation was cancelled';
      else this.#fail(error);
    } finally {
      if (this.running === running) this.running = undefined;
    }
  }

  async #spec(engine: EngineApi | undefined, trace: Trace): Promise<SimulationSpec> {
    const stats = await engine?.stats();
    const { model } = engine ?? {};
    const rates = stats && storeRates(model?.storage, stats.store);
    const context = { layerCount: trace.layerCount, ...(rates && { storeReadBytesPerSecond: rates.readBytesPerSecond }) };
    const { cost, isMeasured } = measuredCost(stats ?? NO_ANSWER, context);
    this.measured = { cost, isMeasured };
    const slotBytes = stats && stats.budget.gpuSlots > 0 ? stats.budget.gpuBytes / stats.budget.gpuSlots : (model?.expertBytes ?? DEFAULT_SLOT_BYTES);
    const gpuBytes = stats?.budget.gpuBytes ?? (trace.layerCount * trace.expertCount * slotBytes) / 4;
    return { trace, policy: this.policy, ...(this.predictor !== '' && { predictor: this.predictor }), slotBytes, cost, gpuBytes };
  }

  /** What is shown follows the choice. */
  #choose(choice: { readonly policy?: string; readonly predictor?: string }): void {
    Object.assign(this, choice);
    if (!this.results) return;
    this.running?.abort();
    this.running = undefined;
    void this.run();
  }

  /** Looks at a trace from a file. What was recorded stays. */
  async open(file: File): Promise<void> {
    try {
      const trace = await readTraceFile(file);
      this.running?.abort();
      this.error = undefined;
      this.imported = { name: file.name, trace };
      this.results = undefined;
    } catch (thrown) {
      this.#fail(EngineError.from(thrown));
    }
  }

  #showRecorded(): void {
    this.running?.abort();
    this.imported = undefined;
    this.results = undefined;
    this.error = undefined;
  }

  #startOver(): void {
    this.running?.abort();
    this.#recorder = new TraceRecorder(MAX_TOKENS);
    this.results = undefined;
    this.announcement = 'The recording starts over';
  }

  #save(): void {
    const { trace } = this;
    if (!trace) return;
    const address = URL.createObjectURL(new Blob([encodeTrace(trace)]));
    const name = this.imported?.name ?? `${this.engine?.model.name ?? 'trace'}-${trace.tokenCount}.sltr`;
    Object.assign(document.createElement('a'), { href: address, download: name }).click();
    // The download has its own hold on the blob once it has begun.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  #onFile(): void {
    const [file] = this.fileInput.files ?? [];
    this.fileInput.value = '';
    if (file) void this.open(file);
  }

  #fail(error: EngineError): void {
    this.error = error;
    this.announcement = error.message;
    emit(this, 'sluice-error', { error });
  }
}

/** A trace without an engine is costed as on a laptop, with experts of a usual size. */
const DEFAULT_SLOT_BYTES = 1e6;
const NO_ANSWER: Parameters<typeof measuredCost>[0] = {
  times: { computeMs: 0, haltMs: 0, readMs: 0, checksumMs: 0, uploadMs: 0, waitMs: 0 },
  elapsedMs: 0,
  bytesRead: { ram: 0, disk: 0, network: 0 },
  bytesUploaded: 0,
  halts: 0,
  missingLayers: 0,
  generatedTokens: 0,
  decodeTokensPerSecond: 0,
};

function describeTrace({ tokenCount, layerCount, topK, expertCount }: Trace): string {
  return `${formatCount(tokenCount)} tokens, ${layerCount} layers, ${topK} of ${expertCount} experts`;
}

/** "Costs as measured in the last answer: read 1.2 GB/s, …". */
function describeCost({ isMeasured }: MeasuredCost, cost: CostModel): string {
  const part = (name: keyof CostModel, text: string) => (isMeasured[name] ? text : `${text} (not measured yet)`);
  return `Costs in the last answer: ${[
    part('computeMsPerLayer', `${formatDuration(cost.computeMsPerLayer)} per layer`),
    part('haltMs', `${formatDuration(cost.haltMs)} more where one is missing`),
    part('readBytesPerSecond', `reading ${formatBytes(cost.readBytesPerSecond)}/s`),
    part('uploadBytesPerSecond', `uploading ${formatBytes(cost.uploadBytesPerSecond)}/s`),
  ].join(', ')}.`;
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-simulator': SluiceSimulator;
  }
}
