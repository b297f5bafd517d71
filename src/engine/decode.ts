// Halting decode. Several steps are in the queue at once; nothing is read between layers. When a router meets an expert without a slot it raises the halt flag
// and everything behind it in the queue does nothing. The host then reads that step's record, brings the experts in, clears the flag and replays the step from
// the router that halted.
//
// Before it halts, a step that misses an expert runs on as a scout: the later layers, without what is missing, so that their routers say which experts they are
// going to want. One halt then loads for all of them. What the scout has computed is thrown away: the router kept the residual stream, and keys and values at
// this position are written again by the replay. So no bit depends on it.

import { assert, defined } from '../core/assert';
import type { Backend, ReadbackRing } from '../core/backend';
import { ControlWord } from '../core/control';
import { throwIfAborted } from '../core/errors';
import { TIER_INDEX, type Tier } from '../core/routing-frame';
import type { CompiledPrograms } from './compiled';
import type { ExpertCache, ExpertWant } from './expert-cache';
import { MAX_STEPS_AHEAD, StepsAhead } from './steps-ahead';
import { type StepRecord, expertsOf, parseStepRecord } from './step-record';
import type { TimeLedger } from './time-ledger';
import { KEPT_HIDDEN_ROW, KEPT_LAYER_INPUT_ROW, type Shape, type Workspace } from './workspace';

interface DecodeParts {
  readonly backend: Backend;
  readonly programs: CompiledPrograms;
  readonly cache: ExpertCache;
  readonly workspace: Workspace;
  readonly shape: Shape;
  readonly times: TimeLedger;
  /** Layers that a step scouts past the one that misses an expert. */
  readonly scoutReach: number;
}

export interface DecodeOptions {
  /** Tokens to draw after the first, which the prompt's own record brought. */
  readonly maxSteps: number;
  readonly signal?: AbortSignal | undefined;
  readonly atBoundary: () => void;
}

export interface DecodedStep {
  readonly record: StepRecord;
  /** [layer, k] as in RoutingFrame. */
  readonly tiers: Uint8Array;
}

export interface DecodeCounts {
  halts: number;
  hits: number;
  misses: number;
  /** (token, layer) pairs with a miss: the halts that there would be without looking ahead. */
  missingLayers: number;
  /** Experts brought in, and of those, how many on a scout's word and how many of these the step then used. */
  loads: number;
  lookAheadLoads: number;
  lookAheadUses: number;
}

interface BroughtInStep {
  readonly tier: Tier;
  /** On a scout's word. */
  readonly isGuess: boolean;
}

const ONE_TOKEN = { tokenCount: 1 };
/** Neither halted nor scouting. */
const NO_HALT = new Uint32Array([0, 0]);

export class Decode {
  readonly counts: DecodeCounts = { halts: 0, hits: 0, misses: 0, missingLayers: 0, loads: 0, lookAheadLoads: 0, lookAheadUses: 0 };
  readonly #backend: Backend;
  readonly #programs: CompiledPrograms;
  readonly #cache: ExpertCache;
  readonly #workspace: Workspace;
  readonly #shape: Shape;
  readonly #ring: ReadbackRing;
  readonly #scoutReach: number;
  readonly #times: TimeLedger;
  readonly #stepsAhead = new StepsAhead();

  constructor({ backend, programs, cache, workspace, shape, times, scoutReach }: DecodeParts) {
    this.#backend = backend;
    this.#programs = programs;
    this.#cache = cache;
    this.#workspace = workspace;
    this.#shape = shape;
    this.#times = times;
    this.#scoutReach = scoutReach;
    this.#ring = backend.createReadbackRing('step record', MAX_STEPS_AHEAD + 1, shape.recordBytes);
  }

  /** Head and sampling after a prompt whose last chunk had `tokenCount` tokens: the first token of the answer. Its record has no routes. */
  async first(tokenCount: number): Promise<StepRecord> {
    this.#times.submit(() => this.#backend.submit([{ program: this.#programs.finish, size: { tokenCount } }], this.#readback(0)));
    return this.#read(0);
  }

  /** The steps after the first. Ends at a stop token or after `maxSteps`; the caller may leave the loop at any time. */
  async *run({ maxSteps, signal, atBoundary }: DecodeOptions): AsyncGenerator<DecodedStep> {
    const { control } = this.#workspace;
    const inFlight: number[] = [];
    const brought = new Map<number, BroughtInStep>();
    let encoded = 0;
    let done = 0;
    let touchedLayers = 0;
    this.#backend.write(control, ControlWord.scoutReach * 4, Uint32Array.of(this.#scoutReach));
    while (done < maxSteps) {
      throwIfAborted(signal);
      atBoundary();
      const depth = touchedLayers > 0 ? 0 : this.#stepsAhead.depth;
      while (inFlight.length <= depth && encoded < maxSteps) {
        this.#submitStep(encoded, 0);
        inFlight.push(encoded++);
      }
      const expected = inFlight.shift()!;
      const record = await this.#read(expected % this.#ring.slotCount);
      // The first token of the answer was step 0.
      assert(record.step === expected + 1, `record of step ${record.step}, expected ${expected + 1}`);
      const routedLayers = record.isMissing ? record.layer + 1 : this.#shape.layerCount;
      for (; touchedLayers < routedLayers; touchedLayers++) this.#cache.touch(touchedLayers, this.#expertsOf(record, touchedLayers));
      if (record.isMissing) {
        await this.#bringIn(record, brought, signal);
        this.#resume(record.layer, expected);
        // The steps behind it did nothing; they are encoded again.
        inFlight.length = 0;
        inFlight.push(expected);
        encoded = expected + 1;
        continue;
      }
      const tiers = this.#tiersOf(record, brought);
      this.#count(tiers, record, brought);
      this.#stepsAhead.note(brought.size > 0);
      brought.clear();
      touchedLayers = 0;
      done++;
      yield { record, tiers };
      if (record.isStop) return;
    }
  }

  /** Brings in what the layer that halted needs, and what the scout saw behind it. */
  async #bringIn(record: StepRecord, brought: Map<number, BroughtInStep>, signal: AbortSignal | undefined): Promise<void> {
    const { expertCount } = this.#shape;
    this.counts.halts++;
    const wantOf = (layer: number): ExpertWant => ({ layer, experts: this.#expertsOf(record, layer) });
    const wants: [ExpertWant, ...ExpertWant[]] = [wantOf(record.layer)];
    for (let layer = record.layer + 1; layer <= record.scoutedLayer; layer++) wants.push(wantOf(layer));
    for (const { layer, expert, tier } of await this.#cache.bringIn(wants, signal)) {
      this.counts.loads++;
      brought.set(layer * expertCount + expert, { tier, isGuess: layer > record.layer });
    }
  }

  /** Puts back what the scout has overwritten and replays the step from the router that halted. */
  #resume(layer: number, step: number): void {
    const { control, normed, hidden, layerInput } = this.#workspace;
    const rowBytes = this.#shape.hiddenStride * 4;
    this.#backend.copy(normed, KEPT_HIDDEN_ROW * rowBytes, hidden, 0, rowBytes);
    if (layerInput) this.#backend.copy(normed, KEPT_LAYER_INPUT_ROW * rowBytes, layerInput, 0, rowBytes);
    this.#backend.write(control, ControlWord.halted * 4, NO_HALT);
    this.#submitStep(step, defined(this.#programs.routeAt[layer]));
  }

  /** [layer, k] where each expert of the step was before the step asked for it. */
  #tiersOf({ routes }: StepRecord, brought: ReadonlyMap<number, BroughtInStep>): Uint8Array {
    return Uint8Array.from(routes.expertIds, (expert, i) => TIER_INDEX[brought.get(this.#keyOf(expert, i))?.tier ?? 'gpu']);
  }

  #count(tiers: Uint8Array, { routes }: StepRecord, brought: ReadonlyMap<number, BroughtInStep>): void {
    const { topK, layerCount } = this.#shape;
    const misses = tiers.reduce((sum, tier) => sum + (tier === TIER_INDEX.gpu ? 0 : 1), 0);
    this.counts.misses += misses;
    this.counts.hits += tiers.length - misses;
    for (let layer = 0; layer < layerCount; layer++) {
      if (tiers.subarray(layer * topK, (layer + 1) * topK).some((tier) => tier !== TIER_INDEX.gpu)) this.counts.missingLayers++;
    }
    for (const { isGuess } of brought.values()) if (isGuess) this.counts.lookAheadLoads++;
    routes.expertIds.forEach((expert, i) => {
      if (brought.get(this.#keyOf(expert, i))?.isGuess) this.counts.lookAheadUses++;
    });
  }

  /** Of the i-th route of a step. */
  #keyOf(expert: number, i: number): number {
    return Math.floor(i / this.#shape.topK) * this.#shape.expertCount + expert;
  }

  #expertsOf(record: StepRecord, layer: number): number[] {
    return expertsOf(record, layer, this.#shape.topK);
  }

  async #read(slot: number): Promise<StepRecord> {
    const record = this.#ring.read(slot).then((bytes) => parseStepRecord(bytes, this.#shape));
    return this.#times.device(record, ({ isMissing }) => (isMissing ? 'haltMs' : 'computeMs'));
  }

  #submitStep(step: number, from: number): void {
    const readback = this.#readback(step % this.#ring.slotCount);
    this.#times.submit(() => this.#backend.submit([{ program: this.#programs.step, from, size: ONE_TOKEN }], readback));
  }

  #readback(slot: number) {
    return { ring: this.#ring, slot, source: this.#workspace.record, offsetBytes: 0, sizeBytes: this.#shape.recordBytes };
  }
}
