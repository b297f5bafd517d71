// Runs a prompt through the model in chunks. A layer whose experts are all resident runs without a readback. Otherwise the host reads which experts the chunk
// needs and visits them in passes that fit the slots; results are combined in a fixed order, so the passes leave no trace in the numbers. A token's numbers do
// not depend on the rest of its chunk either, so a prompt may start from any prefix that is already in the cache.

import type { Backend, Program, SubmitSize } from '../core/backend';
import { CONTROL_WORDS, ControlWord } from '../core/control';
import { throwIfAborted } from '../core/errors';
import { TIER_INDEX } from '../core/routing-frame';
import type { CompiledPrograms } from './compiled';
import type { ExpertCache } from './expert-cache';
import { type Routes, parseChunkRoutes } from './step-record';
import type { TimeLedger } from './time-ledger';
import { PREFILL_CHUNK_TOKENS, ROUTE_WORDS, type Shape, type Workspace } from './workspace';

interface PrefillParts {
  readonly backend: Backend;
  readonly programs: CompiledPrograms;
  readonly cache: ExpertCache;
  readonly workspace: Workspace;
  readonly shape: Shape;
  readonly times: TimeLedger;
}

export interface PrefillOptions {
  readonly tokens: readonly number[];
  /** Tokens before this one are in the KV cache already. At least one token is left to run. */
  readonly from: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with each chunk's routes; `tiers` as in RoutingFrame. */
  readonly onRoutes?: ((start: number, routes: Routes, tiers: Uint8Array) => void) | undefined;
  /** Called before each layer: the place where budget changes may be applied. */
  readonly atBoundary: () => void;
}

export class Prefill {
  readonly #backend: Backend;
  readonly #programs: CompiledPrograms;
  readonly #cache: ExpertCache;
  readonly #workspace: Workspace;
  readonly #shape: Shape;
  readonly #times: TimeLedger;

  constructor({ backend, programs, cache, workspace, shape, times }: PrefillParts) {
    this.#backend = backend;
    this.#programs = programs;
    this.#cache = cache;
    this.#workspace = workspace;
    this.#shape = shape;
    this.#times = times;
  }

  /** Leaves the last chunk's residual stream in place and returns the size of that chunk, for the head. */
  async run({ tokens, from, signal, onRoutes, atBoundary }: PrefillOptions): Promise<number> {
    let lastCount = 0;
    for (let start = from; start < tokens.length; start += PREFILL_CHUNK_TOKENS) {
      const chunk = Uint32Array.from(tokens.slice(start, start + PREFILL_CHUNK_TOKENS));
      lastCount = chunk.length;
      this.#beginChunk(start, chunk);
      const size = { tokenCount: chunk.length };
      this.#submit(this.#programs.embed, size);
      /** [MoE layer] expert → TIER_INDEX of those that had to be brought in; undefined: the layer was resident. */
      const fetched: Array<ReadonlyMap<number, number> | undefined> = [];
      for (const { start: startOfLayer, moe } of this.#programs.layers) {
        throwIfAborted(signal);
        atBoundary();
        this.#submit(startOfLayer, size);
        if (!moe) continue;
        fetched.push(await this.#runExperts(fetched.length, moe, chunk.length, signal));
        this.#submit(moe.combine, size);
      }
      const routes = await this.#readRoutes(0, this.#shape.layerCount, chunk.length);
      fetched.forEach((tiers, layer) => {
        if (!tiers) this.#touch(routes, layer, this.#shape.layerCount, layer);
      });
      onRoutes?.(start, routes, this.#tiersOf(routes, fetched));
    }
    return lastCount;
  }

  #submit(program: Program, size: SubmitSize): void {
    this.#times.submit(() => this.#backend.submit([{ program, size }]));
  }

  #beginChunk(start: number, chunk: Uint32Array): void {
    const control = new Uint32Array(CONTROL_WORDS);
    control[ControlWord.position] = start;
    control[ControlWord.tokenCount] = chunk.length;
    this.#backend.write(this.#workspace.control, 0, control);
    this.#backend.write(this.#workspace.tokens, 0, chunk);
  }

  /**
   * Expert → TIER_INDEX of those that had to be brought in; undefined when all were there, and the host does not know which were used. While one pass computes,
   * the next one's experts are read.
   */
  async #runExperts(
    layer: number,
    programs: { readonly experts: Program },
    tokenCount: number,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, number> | undefined> {
    const size = { tokenCount };
    if (this.#cache.isLayerResident(layer)) {
      this.#setActive(layer, undefined);
      this.#submit(programs.experts, size);
      return undefined;
    }
    const routes = await this.#readRoutes(layer, 1, tokenCount);
    this.#touch(routes, 0, 1, layer);
    const needed = this.#cache.inOrderOfPasses(layer, [...new Set(routes.expertIds)]);
    const passSize = this.#cache.passSizeOf(layer);
    const fetched = new Map<number, number>();
    try {
      for (let first = 0; first < needed.length; first += passSize) {
        const pass = needed.slice(first, first + passSize);
        const bringing = this.#cache.bringIn([{ layer, experts: pass }], signal);
        this.#cache.readAhead(layer, needed.slice(first + passSize, first + 2 * passSize), signal);
        for (const { expert, tier } of await bringing) fetched.set(expert, TIER_INDEX[tier]);
        this.#setActive(layer, pass);
        this.#submit(programs.experts, size);
      }
    } finally {
      this.#cache.dropAhead();
    }
    return fetched;
  }

  /** Tells the policy of every token of the chunk, in order, as if they had been decoded. `at` of `layerCount`: the layer's place in `routes`. */
  #touch({ tokenCount, expertIds }: Routes, at: number, layerCount: number, layer: number): void {
    const { topK } = this.#shape;
    for (let token = 0; token < tokenCount; token++) {
      const first = (token * layerCount + at) * topK;
      this.#cache.touch(layer, expertIds.subarray(first, first + topK));
    }
  }

  async #readRoutes(firstLayer: number, layerCount: number, tokenCount: number): Promise<Routes> {
    const { chunkRouteWords, topK } = this.#shape;
    const wordCount = layerCount === 0 ? 0 : (layerCount - 1) * chunkRouteWords + tokenCount * topK * ROUTE_WORDS;
    const reading =
      wordCount > 0 ? this.#backend.read(this.#workspace.chunkRoutes, firstLayer * chunkRouteWords * 4, wordCount * 4) : Promise.resolve(new ArrayBuffer(0));
    return parseChunkRoutes(await this.#times.device(reading, () => 'computeMs'), { ...this.#shape, layerCount }, tokenCount);
  }

  /** Which experts of the layer the next pass runs; undefined: all. */
  #setActive(layer: number, experts: readonly number[] | undefined): void {
    const active = new Uint32Array(this.#shape.expertCount).fill(experts ? 0 : 1);
    for (const expert of experts ?? []) active[expert] = 1;
    this.#backend.write(this.#workspace.activeExperts, layer * this.#shape.expertCount * 4, active);
  }

  #tiersOf(routes: Routes, fetched: ReadonlyArray<ReadonlyMap<number, number> | undefined>): Uint8Array {
    const { layerCount, topK } = this.#shape;
    return Uint8Array.from(routes.expertIds, (expert, i) => fetched[Math.floor(i / topK) % layerCount]?.get(expert) ?? TIER_INDEX.gpu);
  }
}
