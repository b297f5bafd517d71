// inspect: what a model file holds, from its header alone. Nothing of the weights is read.

import { formatBytes } from '../core/units';
import { CLASS_TITLES, type MemoryNeed, type ModelDescription, type TensorClass, describeLayers, layerRanges } from '../core/model-description';
import { describeModel } from '../engine/describe-model';
import { type GgufFile, readGguf } from '../formats/gguf';
import type { GgufValue } from '../formats/gguf-metadata';
import { specFromGguf } from '../model/from-gguf';
import type { ModelSpec } from '../model/spec';
import { DEFAULT_CONTEXT_LENGTH } from '../worker/defaults';
import type { TerminalIo } from './io';
import { openModelSource } from './open-model';

/** Longer lists in the metadata (a vocabulary has 150,000 entries) are shown by their length. */
const MAX_LISTED_ITEMS = 16;

interface Inspection extends ModelDescription {
  readonly ggufVersion: number;
  readonly fileBytes: number;
  readonly layerCount: number;
  /** `count` and `bytes` are those of all layers together. */
  readonly experts: ModelDescription['experts'] & { readonly count: number; readonly bytes: number };
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
  const description = describeModel(file, spec, { contextLength: Math.min(spec.contextLength, DEFAULT_CONTEXT_LENGTH) });
  const tensors = [...file.tensors.values()];
  const { totalBytes } = description.experts;
  return {
    ...description,
    ggufVersion: file.version,
    fileBytes: file.sizeBytes,
    layerCount: spec.layers.length,
    experts: { count: sum(description.layers.map(({ expertCount }) => expertCount)), bytes: totalBytes, ...description.experts },
    trunkBytes: sum(tensors.map((tensor) => tensor.sizeBytes)) - totalBytes,
    tensorTypes: Object.fromEntries(Object.entries(description.bytesByType).map(([type, { count }]) => [type, count])),
    spec,
    tensors: tensors.map(({ name, type, dimensions, offsetBytes, sizeBytes }) => ({ name, type: type.name, dimensions, offsetBytes, sizeBytes })),
    metadata: Object.fromEntries([...file.metadata.entries()].map(([key, value]) => [key, listed(value)])),
  };
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
  const { experts, bytesByType, tokenizer, template, needs } = inspection;
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['name', inspection.name],
    ['architecture', `${inspection.architecture} (GGUF ${inspection.ggufVersion})`],
    ['file', formatBytes(inspection.fileBytes)],
    ['parameters', inspection.parameterCount.toLocaleString('en')],
    ['context', `${inspection.contextLength.toLocaleString('en')} tokens`],
    ['layers', `${inspection.layerCount}: ${describeLayers(inspection.layers)}`],
    [
      'experts',
      `${experts.perLayer} per layer, ${experts.perToken} per token, ${formatBytes(experts.bytesPerExpert)} each, ${formatBytes(experts.bytes)} in all`,
    ],
    ...inspection.routers.map(({ layers, router }) => ['router', `layers ${layerRanges(layers)}: ${JSON.stringify(router)}`] as const),
    ['trunk', formatBytes(inspection.trunkBytes)],
    ['bytes', ownClasses(inspection).join(', ')],
    [
      'tensor types',
      Object.entries(bytesByType)
        .map(([type, { count, bytes }]) => `${type} × ${count} (${formatBytes(bytes)})`)
        .join(', '),
    ],
    ['tokenizer', `${tokenizer.model ?? 'not named'}, ${tokenizer.pre ?? 'default'}, ${tokenizer.vocabularySize.toLocaleString('en')} tokens`],
    ['stop tokens', tokenizer.stopTokens.map(({ id, text }) => `${id} ${JSON.stringify(text)}`).join(', ') || 'none'],
    ['template', template ? `${template.length.toLocaleString('en')} characters` : 'none'],
  ];
  const heads = `GPU memory, with the cache of ${needs.contextLength.toLocaleString('en')} tokens, without working buffers:\n`;
  return rows.map(([label, value]) => `${label.padEnd(14)}${value}\n`).join('') + heads + needs.budgets.map(describeNeed).join('');
}

function ownClasses({ bytesByClass }: ModelDescription): string[] {
  return Object.entries(bytesByClass)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${CLASS_TITLES[name as TensorClass]} ${formatBytes(bytes)}`);
}

function describeNeed({ percent, slotCount, slotBytes, trunkBytes, cacheBytes, totalBytes, holdsTokenCycle }: MemoryNeed): string {
  const parts = `${slotCount} experts ${formatBytes(slotBytes)}, trunk ${formatBytes(trunkBytes)}, cache ${formatBytes(cacheBytes)}`;
  return `  ${`${percent} %`.padStart(5)}  ${formatBytes(totalBytes).padStart(8)}  ${parts}${holdsTokenCycle ? '' : ' (less than one token uses)'}\n`;
}
