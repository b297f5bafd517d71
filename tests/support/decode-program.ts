// The decode step of the demo model as a list of calls, cut into layers. Nothing runs: the buffers are made only to be named.

import { assert } from '../../src/core/assert';
import type { Backend, OperationCall } from '../../src/core/backend';
import { expertLayout, slotBytesOf } from '../../src/engine/expert-layout';
import { ProgramBuilder } from '../../src/engine/programs';
import { TrunkLoader } from '../../src/engine/trunk';
import { createWorkspace, shapeOf } from '../../src/engine/workspace';
import { readGguf } from '../../src/formats/gguf';
import { specFromGguf } from '../../src/model/from-gguf';
import { moeLayers } from '../../src/model/spec';
import { demoSource } from './demo-model';

/** Operations of a layer from its router on. */
export const MOE_OPERATIONS: ReadonlySet<string> = new Set(['route', 'expert-gate-up', 'expert-down']);

export interface StepCalls {
  /** Embedding. */
  readonly before: readonly OperationCall[];
  readonly layers: ReadonlyArray<readonly OperationCall[]>;
  /** Output head and sampling. */
  readonly after: readonly OperationCall[];
}

export async function expectedCalls(backend: Backend): Promise<StepCalls> {
  const source = await demoSource();
  const spec = specFromGguf(await readGguf(source));
  const layouts = moeLayers(spec).map(expertLayout);
  const shape = shapeOf(spec, 64);
  const named = backend.createBuffer('stands for slots and their table', 256);
  const builder = new ProgramBuilder({
    spec,
    shape,
    trunk: await new TrunkLoader(backend, source, () => {}).load(spec),
    workspace: createWorkspace(backend, spec, shape, undefined),
    layouts,
    slotBytes: slotBytesOf(layouts),
    slotTable: named,
    slabOf: () => named,
    isSoftware: backend.isSoftware,
  });
  return cut(builder.decodeStep(), builder.embed().length, builder.head().length + builder.sample().length);
}

/** A layer ends with the last MoE operation before the next layer's router. */
function cut({ calls, routeAt }: { calls: readonly OperationCall[]; routeAt: readonly number[] }, beforeCount: number, afterCount: number): StepCalls {
  const layers: OperationCall[][] = [];
  let from = beforeCount;
  routeAt.forEach((at, layer) => {
    let to = at;
    while (MOE_OPERATIONS.has(calls[to]?.operation ?? '')) to++;
    assert(calls[at]?.operation === 'route' && to > at, `layer ${layer} is routed at call ${at}`);
    layers.push(calls.slice(from, to));
    from = to;
  });
  assert(calls.length - from === afterCount, 'the step ends with head and sampling');
  return { before: calls.slice(0, beforeCount), layers, after: calls.slice(from) };
}
