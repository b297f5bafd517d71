// Halting decode. Several steps are in the queue at once; nothing is read between layers. When a router meets an expert without a slot it raises the halt flag
// and everything behind it in the queue does nothing. The host then reads that step's record, brings the experts in, clears the flag and replays the step from
// the router that halted: the residual stream and the KV cache are as they were, because nothing later has written.

import { assert, defined } from '../core/assert';
import type { Backend, ReadbackRing } from '../core/backend';
import { ControlWord } from '../core/control';
import { throwIfAborted } from '../core/errors';
import { TIER_INDEX, type Tier } from '../core/routing-frame';
import type { CompiledPrograms } from './compiled';
import type { ExpertCache, ExpertWant } from './expert-cache';
import { type StepRecord, expertsOf, parseStepRecord } from './step-record';
import { KEPT_HIDDEN_ROW, KEPT_LAYER_INPUT_ROW, type Shape, type Workspace } from './workspace';

/** Steps in the queue beyond the one being read. More hides more latency and wastes more when a step halts. */
export const MAX_STEPS_AHEAD = 3;

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
}

const ONE_TOKEN = { tokenCount: 1 };
/** Neither halted nor scouting. */
const NO_HALT = new Uint32Array([0, 0]);

export class Decode {
  readonly counts: DecodeCounts = { halts: 0, hits: 0, misses: 0 };
  readonly #backend: Backend;
  readonly #programs: CompiledPrograms;
  readonly #cache: ExpertCache;
  readonly #workspace: Workspace;
  readonly #shape: Shape;
  readonly #ring: ReadbackRing;
  readonly #scoutReach: number;

  constructor(backend: Backend, programs: CompiledPrograms, cache: ExpertCache, workspace: Workspace, shape: Shape, scoutReach: number) {
    this.#backend = backend;
    this.#programs = programs;
    this.#cache = cache;
    this.#workspace = workspace;
    this.#shape = shape;
    this.#scoutReach = scoutReach;
    this.#ring = backend.createReadbackRing('step record', MAX_STEPS_AHEAD + 1, shape.recordBytes);
  }

  /** Head and sampling after a prompt whose last chunk had `tokenCount` tokens: the first token of the answer. Its record has no routes. */
  async first(tokenCount: number): Promise<StepRecord> {
    this.#backend.submit([{ program: this.#programs.finish, size: { tokenCount } }], this.#readback(0));
    return parseStepRecord(await this.#ring.read(0), this.#shape);
  }

  /** The steps after the first. Ends at a stop token or after `maxSteps`; the caller may leave the loop at any time. */
  async *run({ maxSteps, signal, atBoundary }: DecodeOptions): AsyncGenerator<DecodedStep> {
    const { topK, layerCount } = this.#shape;
    const inFlight: number[] = [];
    let encoded = 0;
    let done = 0;
    let depth = MAX_STEPS_AHEAD;
    const brought = new Map<number, Tier>();
    this.#backend.write(this.#workspace.control, ControlWord.scoutReach * 4, Uint32Array.of(this.#scoutReach));
    while (done < maxSteps) {
      throwIfAborted(signal);
      atBoundary();
      while (inFlight.length <= depth && encoded < maxSteps) {
        this.#submitStep(encoded, 0);
        inFlight.push(encoded++);
      }
      const expected = inFlight.shift()!;
      const record = parseStepRecord(await this.#ring.read(expected % this.#ring.slotCount), this.#shape);
      // The first token of the answer was step 0.
      assert(record.step === expected + 1, `record of step ${record.step}, expected ${expected + 1}`);
      if (record.isMissing) {
        await this.#bringIn(record, brought, signal);
        this.#resume(record.layer, expected);
        // The steps behind it did nothing; they are encoded again.
        inFlight.length = 0;
        inFlight.push(expected);
        encoded = expected + 1;
        depth = 0;
        continue;
      }
      for (let layer = 0; layer < layerCount; layer++) this.#cache.touch(layer, expertsOf(record, layer, topK));
      const tiers = this.#tiersOf(record, brought);
      brought.clear();
      this.#countHits(tiers);
      done++;
      depth = Math.min(depth + 1, MAX_STEPS_AHEAD);
      yield { record, tiers };
      if (record.isStop) return;
    }
  }

  /** Brings in what the layer that halted needs, and what the scout saw behind it. */
  async #bringIn(record: StepRecord, brought: Map<number, Tier>, signal: AbortSignal | undefined): Promise<void> {
    const { topK, expertCount } = this.#shape;
    this.counts.halts++;
    const wantOf = (layer: number): ExpertWant => ({ layer, experts: expertsOf(record, layer, topK) });
    const wants: [ExpertWant, ...ExpertWant[]] = [wantOf(record.layer)];
    for (let layer = record.layer + 1; layer <= record.scoutedLayer; layer++) wants.push(wantOf(layer));
    for (const { layer, expert, tier } of await this.#cache.bringIn(wants, signal)) brought.set(layer * expertCount + expert, tier);
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
  #tiersOf({ routes }: StepRecord, brought: ReadonlyMap<number, Tier>): Uint8Array {
    const { topK, expertCount } = this.#shape;
    return Uint8Array.from(routes.expertIds, (expert, i) => TIER_INDEX[brought.get(Math.floor(i / topK) * expertCount + expert) ?? 'gpu']);
  }

  #countHits(tiers: Uint8Array): void {
    const misses = tiers.reduce((sum, tier) => sum + (tier === TIER_INDEX.gpu ? 0 : 1), 0);
    this.counts.misses += misses;
    this.counts.hits += tiers.length - misses;
  }

  #submitStep(step: number, from: number): void {
    this.#backend.submit([{ program: this.#programs.step, from, size: ONE_TOKEN }], this.#readback(step % this.#ring.slotCount));
  }

  #readback(slot: number) {
    return { ring: this.#ring, slot, source: this.#workspace.record, offsetBytes: 0, sizeBytes: this.#shape.recordBytes };
  }
}
