// Runs a prompt through the model in chunks. A layer whose experts are all resident runs without a readback. Otherwise the host reads which experts the chunk
// needs and visits them in passes that fit the slots; results are combined in a fixed order, so the passes leave no trace in the numbers. A token's numbers do
// not depend on the rest of its chunk either, so a prompt may start from any prefix that is already in the cache.

import type { Backend, Program } from '../core/backend';
import { CONTROL_WORDS, ControlWord } from '../core/control';
import { throwIfAborted } from '../core/errors';
import { TIER_INDEX } from '../core/routing-frame';
import type { CompiledPrograms } from './compiled';
import type { ExpertCache } from './expert-cache';
import { type Routes, parseChunkRoutes } from './step-record';
import { PREFILL_CHUNK_TOKENS, type Shape, type Workspace } from './workspace';

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

  constructor(backend: Backend, programs: CompiledPrograms, cache: ExpertCache, workspace: Workspace, shape: Shape) {
    this.#backend = backend;
    this.#programs = programs;
    this.#cache = cache;
    this.#workspace = workspace;
    this.#shape = shape;
  }

  /** Leaves the last chunk's residual stream in place and returns the size of that chunk, for the head. */
  async run({ tokens, from, signal, onRoutes, atBoundary }: PrefillOptions): Promise<number> {
    let lastCount = 0;
    for (let start = from; start < tokens.length; start += PREFILL_CHUNK_TOKENS) {
      const chunk = Uint32Array.from(tokens.slice(start, start + PREFILL_CHUNK_TOKENS));
      lastCount = chunk.length;
      this.#beginChunk(start, chunk);
      const size = { tokenCount: chunk.length };
      this.#backend.submit([{ program: this.#programs.embed, size }]);
      const fetchedTiers: Array<ReadonlyMap<number, number>> = [];
      for (const { start: startOfLayer, moe } of this.#programs.layers) {
        throwIfAborted(signal);
        atBoundary();
        this.#backend.submit([{ program: startOfLayer, size }]);
        if (!moe) continue;
        fetchedTiers.push(await this.#runExperts(fetchedTiers.length, moe, chunk.length, signal));
        this.#backend.submit([{ program: moe.combine, size }]);
      }
      const words = this.#shape.layerCount * this.#shape.chunkRouteWords;
      const bytes = words > 0 ? await this.#backend.read(this.#workspace.chunkRoutes, 0, words * 4) : new ArrayBuffer(0);
      const routes = parseChunkRoutes(bytes, this.#shape, chunk.length);
      onRoutes?.(start, routes, this.#tiersOf(routes, fetchedTiers));
    }
    return lastCount;
  }

  #beginChunk(start: number, chunk: Uint32Array): void {
    const control = new Uint32Array(CONTROL_WORDS);
    control[ControlWord.position] = start;
    control[ControlWord.tokenCount] = chunk.length;
    this.#backend.write(this.#workspace.control, 0, control);
    this.#backend.write(this.#workspace.tokens, 0, chunk);
  }

  /** Expert → TIER_INDEX of those that had to be brought in. */
  async #runExperts(
    layer: number,
    programs: { readonly experts: Program },
    tokenCount: number,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, number>> {
    const { expertCount } = this.#shape;
    const size = { tokenCount };
    if (this.#cache.isLayerResident(layer)) {
      this.#setActive(layer, undefined);
      this.#backend.submit([{ program: programs.experts, size }]);
      return new Map();
    }
    const counts = new Uint32Array(await this.#backend.read(this.#workspace.groups, 0, expertCount * 4));
    const needed = [...counts.keys()].filter((expert) => counts[expert]! > 0);
    const pending = [...needed.filter((e) => this.#cache.isResident(layer, e)), ...needed.filter((e) => !this.#cache.isResident(layer, e))];
    const fetched = new Map<number, number>();
    while (pending.length > 0) {
      const pass = pending.splice(0, this.#cache.slotCountOf(layer));
      for (const { expert, tier } of await this.#cache.bringIn([{ layer, experts: pass }], signal)) fetched.set(expert, TIER_INDEX[tier]);
      this.#cache.touch(layer, pass);
      this.#setActive(layer, pass);
      this.#backend.submit([{ program: programs.experts, size }]);
    }
    return fetched;
  }

  /** Which experts of the layer the next pass runs; undefined: all. */
  #setActive(layer: number, experts: readonly number[] | undefined): void {
    const active = new Uint32Array(this.#shape.expertCount).fill(experts ? 0 : 1);
    for (const expert of experts ?? []) active[expert] = 1;
    this.#backend.write(this.#workspace.activeExperts, layer * this.#shape.expertCount * 4, active);
  }

  #tiersOf(routes: Routes, fetched: ReadonlyArray<ReadonlyMap<number, number>>): Uint8Array {
    const { layerCount, topK } = this.#shape;
    return Uint8Array.from(routes.expertIds, (expert, i) => fetched[Math.floor(i / topK) % layerCount]?.get(expert) ?? TIER_INDEX.gpu);
  }
}
