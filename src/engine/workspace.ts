// Every buffer of a run besides weights, made once at load: activations, KV cache, the control block, the step record.

import type { Backend, DeviceBuffer } from '../core/backend';
import { CONTROL_BYTES } from '../core/control';
import { BLOCK_SIZE } from '../core/packed-weights';
import { SAMPLING_WORDS } from '../core/sampling';
import { roundUp } from '../core/units';
import type { ModelSpec } from '../model/spec';

/** Tokens of a prompt that go through a layer together. */
export const PREFILL_CHUNK_TOKENS = 64;

/** Words of a step record before its routes: halted, layer, step, position, token fed, token drawn, log-probability as bits, reserved. */
export const RECORD_HEADER_WORDS = 8;

/** Words of one (token, k) route: expert, slot, weight as bits. */
export const ROUTE_WORDS = 3;

/** Sizes that follow from the model; strides are in floats. */
export interface Shape {
  readonly layerCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly hiddenStride: number;
  readonly queryRows: number;
  readonly kvRows: number;
  readonly queryStride: number;
  readonly expertStride: number;
  readonly contextLength: number;
  readonly recordBytes: number;
  /** Words of one layer's routes in a prefill chunk. */
  readonly chunkRouteWords: number;
}

export function shapeOf(spec: ModelSpec, contextLength: number): Shape {
  const { headCount, kvHeadCount, headSize } = spec.attention;
  const expertCount = Math.max(...spec.layers.map(({ moe }) => moe.expertCount));
  const topK = Math.max(...spec.layers.map(({ moe }) => moe.router.select.topK));
  return {
    layerCount: spec.layers.length,
    expertCount,
    topK,
    hiddenStride: roundUp(spec.hiddenSize, BLOCK_SIZE),
    queryRows: headCount * headSize,
    kvRows: kvHeadCount * headSize,
    queryStride: roundUp(headCount * headSize, BLOCK_SIZE),
    expertStride: roundUp(Math.max(...spec.layers.map(({ moe }) => moe.expertHiddenSize)), BLOCK_SIZE),
    contextLength,
    recordBytes: (RECORD_HEADER_WORDS + spec.layers.length * topK * ROUTE_WORDS) * 4,
    chunkRouteWords: PREFILL_CHUNK_TOKENS * topK * ROUTE_WORDS,
  };
}

export interface Workspace {
  readonly control: DeviceBuffer;
  readonly sampling: DeviceBuffer;
  readonly tokens: DeviceBuffer; // [token]
  readonly seen: DeviceBuffer; // [token id]
  readonly logits: DeviceBuffer; // [token id]
  readonly record: DeviceBuffer; // header, [layer, k] routes
  readonly hidden: DeviceBuffer; // [token, column] the residual stream
  readonly normed: DeviceBuffer; // [token, column]
  readonly qkv: DeviceBuffer; // [token, query | key | value rows]
  readonly query: DeviceBuffer; // [token, head, column]
  readonly attended: DeviceBuffer; // [token, head, column]
  readonly activated: DeviceBuffer; // [pair, expert row]
  readonly pairOutput: DeviceBuffer; // [pair, column]
  readonly chunkRoutes: DeviceBuffer; // [layer, token, k] routes of a prefill chunk
  readonly groups: DeviceBuffer; // see shaders/group.wgsl
  readonly activeExperts: DeviceBuffer; // [layer, expert]
  readonly ropeTable: DeviceBuffer; // [position, rotary / 2] (cos, sin)
  readonly keyCaches: readonly DeviceBuffer[]; // [layer] [position, kv head, column]
  readonly valueCaches: readonly DeviceBuffer[];
}

export function createWorkspace(backend: Backend, spec: ModelSpec, shape: Shape): Workspace {
  const chunk = PREFILL_CHUNK_TOKENS;
  const pairs = chunk * shape.topK;
  const words = (label: string, count: number) => backend.createBuffer(label, count * 4);
  const perLayer = (label: string, count: number) => spec.layers.map(({ index }) => words(`${label} ${index}`, count));
  const ropeTable = makeRopeTable(spec, shape.contextLength);
  const workspace: Workspace = {
    control: backend.createBuffer('control', CONTROL_BYTES),
    sampling: words('sampling', SAMPLING_WORDS),
    tokens: words('tokens', chunk),
    seen: words('seen', spec.vocabularySize),
    logits: words('logits', spec.vocabularySize),
    record: backend.createBuffer('record', shape.recordBytes),
    hidden: words('hidden', chunk * shape.hiddenStride),
    normed: words('normed', chunk * shape.hiddenStride),
    qkv: words('qkv', chunk * (shape.queryRows + 2 * shape.kvRows)),
    query: words('query', chunk * shape.queryStride),
    attended: words('attended', chunk * shape.queryStride),
    activated: words('activated', pairs * shape.expertStride),
    pairOutput: words('pair output', pairs * shape.hiddenStride),
    chunkRoutes: words('chunk routes', shape.layerCount * shape.chunkRouteWords),
    groups: words('groups', 2 * shape.expertCount + pairs),
    activeExperts: words('active experts', shape.layerCount * shape.expertCount),
    ropeTable: words('rope table', ropeTable.length),
    keyCaches: perLayer('key cache', shape.contextLength * shape.kvRows),
    valueCaches: perLayer('value cache', shape.contextLength * shape.kvRows),
  };
  backend.write(workspace.ropeTable, 0, ropeTable);
  return workspace;
}

/** cos and sin of position · base^(-2i / rotary), computed in f64: WGSL's own are loose far from zero. */
function makeRopeTable({ attention }: ModelSpec, contextLength: number): Float32Array {
  const { base, rotaryDimensions } = attention.rope;
  const half = rotaryDimensions / 2;
  const table = new Float32Array(contextLength * half * 2);
  for (let position = 0; position < contextLength; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * base ** ((-2 * i) / rotaryDimensions);
      table[(position * half + i) * 2] = Math.cos(angle);
      table[(position * half + i) * 2 + 1] = Math.sin(angle);
    }
  }
  return table;
}
