// inspect: what a model file holds, from its header alone. Nothing of the weights is read.

import { formatBytes } from '../core/units';
import { type GgufFile, readGguf } from '../formats/gguf';
import type { GgufValue } from '../formats/gguf-metadata';
import { specFromGguf } from '../model/from-gguf';
import { type ExpertStackRef, type ModelSpec, type MoeSpec, moeLayers } from '../model/spec';
import type { TerminalIo } from './io';
import { openModelSource } from './open-model';

/** Longer lists in the metadata (a vocabulary has 150,000 entries) are shown by their length. */
const MAX_LISTED_ITEMS = 16;

interface Inspection {
  readonly name: string;
  readonly architecture: string;
  readonly ggufVersion: number;
  readonly fileBytes: number;
  readonly parameterCount: number;
  readonly contextLength: number;
  readonly layerCount: number;
  /** Of all layers together; `bytesPerExpert` is that of the first layer's. */
  readonly experts: { readonly count: number; readonly bytes: number; readonly perLayer: number; readonly perToken: number; readonly bytesPerExpert: number };
  readonly trunkBytes: number;
  /** Tensors of each type. */
  readonly tensorTypes: Readonly<Record<string, number>>;
  readonly spec: ModelSpec;
  readonly tensors: ReadonlyArray<{ name: string; type: string; dimensions: readonly number[]; offsetBytes: number; sizeBytes: number }>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export async function inspect(model: string, io: TerminalIo, json: boolean): Promise<void> {
  const source = await openModelSource(model, io.signal);
  try {
    const file = await readGguf(source, io.signal);
    const inspection = inspectGguf(file);
    io.out(json ? `${JSON.stringify(inspection)}\n` : describe(inspection));
  } finally {
    await source.close?.();
  }
}

export function inspectGguf(file: GgufFile): Inspection {
  const spec = specFromGguf(file);
  const layers = moeLayers(spec);
  const first = layers[0]?.ffn;
  const expertBytes = sum(layers.map((layer) => sum(stacksOf(layer).map((stack) => stack.sizeBytes))));
  const tensors = [...file.tensors.values()];
  const tensorTypes: Record<string, number> = {};
  for (const { type } of tensors) tensorTypes[type.name] = (tensorTypes[type.name] ?? 0) + 1;
  return {
    name: spec.name,
    architecture: spec.architecture,
    ggufVersion: file.version,
    fileBytes: file.sizeBytes,
    parameterCount: spec.parameterCount,
    contextLength: spec.contextLength,
    layerCount: spec.layers.length,
    experts: {
      count: sum(layers.map(({ ffn }) => ffn.expertCount)),
      bytes: expertBytes,
      perLayer: first?.expertCount ?? 0,
      perToken: first?.router.select.topK ?? 0,
      bytesPerExpert: first ? first.gate.bytesPerExpert + first.up.bytesPerExpert + first.down.bytesPerExpert : 0,
    },
    trunkBytes: sum(tensors.map((tensor) => tensor.sizeBytes)) - expertBytes,
    tensorTypes,
    spec,
    tensors: tensors.map(({ name, type, dimensions, offsetBytes, sizeBytes }) => ({ name, type: type.name, dimensions, offsetBytes, sizeBytes })),
    metadata: Object.fromEntries([...file.metadata.entries()].map(([key, value]) => [key, listed(value)])),
  };
}

function stacksOf({ ffn }: { readonly ffn: MoeSpec }): ExpertStackRef[] {
  return [ffn.gate, ffn.up, ffn.down];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A metadata value as JSON can hold it. */
function listed(value: GgufValue): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!Array.isArray(value)) return value;
  if (value.length > MAX_LISTED_ITEMS) return { length: value.length };
  return value.map((item: GgufValue) => listed(item));
}

function describe(inspection: Inspection): string {
  const { experts } = inspection;
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['name', inspection.name],
    ['architecture', `${inspection.architecture} (GGUF ${inspection.ggufVersion})`],
    ['file', formatBytes(inspection.fileBytes)],
    ['parameters', inspection.parameterCount.toLocaleString('en')],
    ['context', `${inspection.contextLength.toLocaleString('en')} tokens`],
    ['layers', String(inspection.layerCount)],
    [
      'experts',
      `${experts.perLayer} per layer, ${experts.perToken} per token, ${formatBytes(experts.bytesPerExpert)} each, ${formatBytes(experts.bytes)} in all`,
    ],
    ['trunk', formatBytes(inspection.trunkBytes)],
    [
      'tensor types',
      Object.entries(inspection.tensorTypes)
        .map(([type, count]) => `${type} × ${count}`)
        .join(', '),
    ],
  ];
  return rows.map(([label, value]) => `${label.padEnd(14)}${value}\n`).join('');
}
