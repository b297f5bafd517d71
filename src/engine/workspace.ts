// Every buffer of a run besides weights, made once at load: activations, KV cache, the control block, the step record.

import { defined } from '../core/assert';
import type { Backend, DeviceBuffer } from '../core/backend';
import { CONTROL_BYTES } from '../core/control';
import { BLOCK_SIZE } from '../core/packed-weights';
import { SAMPLING_WORDS } from '../core/sampling';
import { roundUp } from '../core/units';
import { type LayerSpec, type ModelSpec, moeLayers } from '../model/spec';
import { makeRopeTable } from './rope-table';

/** Tokens of a prompt that go through a layer together. */
export const PREFILL_CHUNK_TOKENS = 64;

/** Words of a step record before its routes: halted, layer, step, position, token fed, token drawn, log-probability as bits, last layer scouted. */
export const RECORD_HEADER_WORDS = 8;

/** Rows of `normed` in which the router of a decode step keeps what a scout will overwrite: the residual stream, and the layer's input where routers read it. */
export const KEPT_HIDDEN_ROW = 1;
export const KEPT_LAYER_INPUT_ROW = 2;

/** Words of one (token, k) route: expert, slot, weight as bits. */
export const ROUTE_WORDS = 3;

/**
 * Sizes that follow from the model; strides are in floats. `layerCount` counts the layers with routed experts: routes, slots and records know only those, and
 * number them without gaps.
 */
export interface Shape {
  readonly layerCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly hiddenStride: number;
  readonly expertStride: number;
  readonly contextLength: number;
  readonly recordBytes: number;
  /** Words of one layer's routes in a prefill chunk. */
  readonly chunkRouteWords: number;
}

const largest = (values: readonly number[]) => Math.max(0, ...values);
const padded = (columnCount: number) => roundUp(columnCount, BLOCK_SIZE);

export function shapeOf(spec: ModelSpec, contextLength: number): Shape {
  const moe = moeLayers(spec).map(({ ffn }) => ffn);
  const topK = largest(moe.map(({ router }) => router.select.topK));
  return {
    layerCount: moe.length,
    expertCount: largest(moe.map(({ expertCount }) => expertCount)),
    topK,
    hiddenStride: padded(spec.hiddenSize),
    expertStride: padded(largest(moe.map(({ expertHiddenSize }) => expertHiddenSize))),
    contextLength,
    recordBytes: (RECORD_HEADER_WORDS + moe.length * topK * ROUTE_WORDS) * 4,
    chunkRouteWords: PREFILL_CHUNK_TOKENS * topK * ROUTE_WORDS,
  };
}

/** Floats of one token in the buffers that the mixer of a layer uses. */
export interface MixerSizes {
  /** What is projected from the layer's input: query | key | value rows, all query heads of latent attention, or the three parts of a convolution. */
  readonly projected: number;
  /** Queries after RoPE, padded. */
  readonly query: number;
  /** Columns that the output projection reads. */
  readonly mixed: number;
  /** Columns of the low ranks of latent attention: queries (0 when they are projected straight) and latents. */
  readonly lowQuery: number;
  readonly latent: number;
  /** Keys and values of latent attention before RoPE. */
  readonly expanded: number;
  /** Floats of one position in the two caches. */
  readonly key: number;
  readonly value: number;
}

export function mixerSizes({ mixer }: LayerSpec, spec: ModelSpec): MixerSizes {
  switch (mixer.kind) {
    case 'attention': {
      const query = mixer.headCount * mixer.headSize;
      const kv = mixer.kvHeadCount * mixer.headSize;
      return { projected: query + 2 * kv, query: padded(query), mixed: query, lowQuery: 0, latent: 0, expanded: 0, key: kv, value: kv };
    }
    case 'latent-attention': {
      const query = mixer.headCount * (mixer.plainSize + spec.rope.dimensions);
      const value = mixer.headCount * mixer.valueSize;
      const expanded = mixer.headCount * mixer.plainSize + value;
      const lowQuery = 'down' in mixer.query ? mixer.query.down.rowCount : 0;
      return { projected: query, query: padded(query), mixed: value, lowQuery, latent: mixer.latent.rowCount, expanded, key: query, value };
    }
    case 'short-convolution':
      return { projected: 3 * spec.hiddenSize, query: 0, mixed: spec.hiddenSize, lowQuery: 0, latent: 0, expanded: 0, key: spec.hiddenSize, value: 0 };
  }
}

/** Rows of gate, up and share of the dense FFN or shared experts of a layer. */
export function denseRows({ ffn }: LayerSpec): { readonly gateUp: number; readonly activated: number } {
  const dense = ffn.kind === 'dense' ? ffn : ffn.shared;
  if (!dense) return { gateUp: 0, activated: 0 };
  return { gateUp: 2 * dense.hiddenSize + ('share' in dense && dense.share ? 1 : 0), activated: dense.hiddenSize };
}

/**
 * Rows that a matrix product reads in whole blocks, so that what pads them must stay zero: a buffer for each number of columns, since another width would leave
 * its values where the padding of this one is.
 */
export type PaddedRows = ReadonlyMap<number, DeviceBuffer>;

/** The buffer for rows of so many columns. */
export function rowsOf(rows: PaddedRows, columnCount: number): { readonly buffer: DeviceBuffer; readonly stride: number } {
  return { buffer: defined(rows.get(columnCount), `rows of ${columnCount} columns`), stride: padded(columnCount) };
}

export interface Workspace {
  readonly control: DeviceBuffer;
  readonly sampling: DeviceBuffer;
  readonly tokens: DeviceBuffer; // [token]
  readonly seen: DeviceBuffer; // [token id], to whole quads
  readonly logits: DeviceBuffer; // [token id], to whole quads
  readonly candidates: DeviceBuffer; // [token id] see shaders/sample.wgsl
  readonly record: DeviceBuffer; // header, [layer, k] routes
  readonly hidden: DeviceBuffer; // [token, column] the residual stream
  readonly layerInput: DeviceBuffer | undefined; // [token, column] the residual stream before the mixer, for routers that read it
  readonly normed: DeviceBuffer; // [token, column] what the FFN reads; in decode also rows KEPT_HIDDEN_ROW and KEPT_LAYER_INPUT_ROW
  readonly mixerInput: DeviceBuffer; // [token, column] what the mixer reads, where the norm is a step of its own; also a norm with bias before a router
  readonly projected: DeviceBuffer; // [token, row] see MixerSizes
  readonly query: DeviceBuffer; // [token, head, column]
  readonly mixed: PaddedRows; // [token, head, column]
  readonly low: PaddedRows; // [token, rank]
  readonly lowNormed: PaddedRows; // [token, rank]
  readonly expanded: DeviceBuffer; // [token, head, plain key | value]
  readonly keyRotary: DeviceBuffer; // [token, rotary]
  readonly gateUp: DeviceBuffer; // [token, gate | up | share]
  readonly denseActivated: PaddedRows; // [token, row]
  readonly activated: DeviceBuffer; // [pair, expert row]
  readonly pairOutput: DeviceBuffer; // [pair, column]
  readonly chunkRoutes: DeviceBuffer; // [layer, token, k] routes of a prefill chunk
  readonly groups: DeviceBuffer; // see shaders/group.wgsl
  readonly activeExperts: DeviceBuffer; // [layer, expert]
  readonly ropeTable: DeviceBuffer; // [position, rotary / 2] (cos, sin)
  readonly keyCaches: readonly DeviceBuffer[]; // [layer] [position, kv head, column]; of a convolution [position, column]
  readonly valueCaches: readonly DeviceBuffer[];
}

export function createWorkspace(backend: Backend, spec: ModelSpec, shape: Shape, ropeFactors: Float32Array | undefined): Workspace {
  const chunk = PREFILL_CHUNK_TOKENS;
  const pairs = chunk * shape.topK;
  const sizes = spec.layers.map((layer) => mixerSizes(layer, spec));
  const perChunk = (pick: (sizes: MixerSizes) => number) => chunk * largest(sizes.map(pick));
  const words = (label: string, count: number) => backend.createBuffer(label, count * 4);
  const paddedRows = (label: string, columnCounts: readonly number[]): PaddedRows =>
    new Map(columnCounts.filter((count) => count > 0).map((count) => [count, words(`${label} ${count}`, chunk * padded(count))]));
  const caches = (label: string, pick: (sizes: MixerSizes) => number) => sizes.map((size, i) => words(`${label} ${i}`, shape.contextLength * pick(size)));
  const hasLayerInput = moeLayers(spec).some(({ ffn }) => ffn.router.scoreInput === 'layer');
  const ropeTable = makeRopeTable(spec.rope, shape.contextLength, ropeFactors);
  const workspace: Workspace = {
    control: backend.createBuffer('control', CONTROL_BYTES),
    sampling: words('sampling', SAMPLING_WORDS),
    tokens: words('tokens', chunk),
    seen: words('seen', roundUp(spec.vocabularySize, 4)),
    logits: words('logits', roundUp(spec.vocabularySize, 4)),
    candidates: words('candidates', 2 * spec.vocabularySize),
    record: backend.createBuffer('record', shape.recordBytes),
    hidden: words('hidden', chunk * shape.hiddenStride),
    layerInput: hasLayerInput ? words('layer input', chunk * shape.hiddenStride) : undefined,
    normed: words('normed', chunk * shape.hiddenStride),
    mixerInput: words('mixer input', chunk * shape.hiddenStride),
    projected: words(
      'projected',
      perChunk(({ projected }) => projected),
    ),
    query: words(
      'query',
      perChunk(({ query }) => query),
    ),
    mixed: paddedRows(
      'mixed',
      sizes.map(({ mixed }) => mixed),
    ),
    low: paddedRows(
      'low rank',
      sizes.flatMap(({ lowQuery, latent }) => [lowQuery, latent]),
    ),
    lowNormed: paddedRows(
      'low rank normed',
      sizes.flatMap(({ lowQuery, latent }) => [lowQuery, latent]),
    ),
    expanded: words(
      'expanded',
      perChunk(({ expanded }) => expanded),
    ),
    keyRotary: words('rotary key', chunk * spec.rope.dimensions),
    gateUp: words('gate and up', chunk * largest(spec.layers.map((layer) => denseRows(layer).gateUp))),
    denseActivated: paddedRows(
      'dense activated',
      spec.layers.map((layer) => denseRows(layer).activated),
    ),
    activated: words('activated', pairs * shape.expertStride),
    pairOutput: words('pair output', pairs * shape.hiddenStride),
    chunkRoutes: words('chunk routes', shape.layerCount * shape.chunkRouteWords),
    groups: words('groups', 2 * shape.expertCount + pairs),
    activeExperts: words('active experts', shape.layerCount * shape.expertCount),
    ropeTable: words('rope table', ropeTable.length),
    keyCaches: caches('key cache', ({ key }) => key),
    valueCaches: caches('value cache', ({ value }) => value),
  };
  backend.write(workspace.ropeTable, 0, ropeTable);
  return workspace;
}
