// An EngineCore on a model file with nothing between it and the GPU: every expert is read from the file when it is needed. For tests of the engine itself.

import { DEFAULT_RAM_BYTES } from '../../src/worker/defaults';
import type { Budget } from '../../src/core/api';
import type { Backend } from '../../src/core/backend';
import type { ExpertSupply } from '../../src/core/expert-supply';
import { EngineCore } from '../../src/engine/engine-core';
import { expertLayout, importExpert } from '../../src/engine/expert-layout';
import { readGguf } from '../../src/formats/gguf';
import type { Source } from '../../src/formats/source';
import { specFromGguf } from '../../src/model/from-gguf';
import { moeLayers } from '../../src/model/spec';
import { createTokenizer } from '../../src/model/tokenizer';

export interface OpenCoreOptions {
  readonly budget?: Budget;
  readonly contextLength?: number;
  readonly lookAheadLayers?: number;
  readonly policy?: string;
  /** What earlier visits have learnt, and who is told what this one has. */
  readonly profile?: Float32Array;
  readonly onProfile?: (profile: Float32Array) => void;
  /** Puts something between the engine and its experts: a failure, a delay, a count. */
  readonly wrapFetch?: (fetch: ExpertSupply['fetch']) => ExpertSupply['fetch'];
}

export async function openCore(backend: Backend, source: Source, options: OpenCoreOptions = {}): Promise<EngineCore> {
  const file = await readGguf(source);
  const spec = specFromGguf(file);
  const layers = moeLayers(spec);
  const layouts = layers.map(expertLayout);
  let bytesRead = 0;
  const fetch: ExpertSupply['fetch'] = async (layer, expert, { signal } = {}) => {
    const bytes = await importExpert(source, layers[layer]!, layouts[layer]!, expert, signal);
    bytesRead += bytes.byteLength;
    return { bytes, tier: 'disk' };
  };
  const supply: ExpertSupply = {
    tierOf: () => 'disk',
    fetch: options.wrapFetch?.(fetch) ?? fetch,
    setRamBudget: () => {},
    supplyStats: () => ({
      ramExperts: 0,
      ramBytes: 0,
      diskExperts: 0,
      diskBytes: 0,
      bytesRead: { ram: 0, disk: bytesRead, network: 0 },
      loads: { demand: 0, 'look-ahead': 0, prefetch: 0 },
      readMs: 0,
      checksumMs: 0,
      recordsRepaired: 0,
      notices: [],
    }),
    readProfile: async () => options.profile,
    writeProfile: async (profile) => options.onProfile?.(profile),
    dispose: async () => {},
  };
  return EngineCore.open({
    backend,
    spec,
    source,
    tokenizer: createTokenizer(file),
    supply,
    layouts,
    storeKind: 'none',
    budget: options.budget ?? '100%',
    ramBytes: DEFAULT_RAM_BYTES,
    contextLength: options.contextLength ?? spec.contextLength,
    lookAheadLayers: options.lookAheadLayers,
    policy: options.policy,
    clock: () => performance.now(),
  });
}
