// The compiled programs of a model, and the exchange of buffers when slabs are resized.

import type { Backend, DeviceBuffer, OperationCall, Program } from '../core/backend';
import { CONTROL_WORDS, ControlWord, HaltReason } from '../core/control';
import type { LayerSpec } from '../model/spec';
import type { ProgramInputs } from './program-inputs';
import { ProgramBuilder } from './programs';

interface MoePrograms {
  readonly combine: Program;
  experts: Program;
}

interface LayerPrograms {
  /** Up to where the layer's experts are known; all of a dense layer. */
  readonly start: Program;
  /** Undefined in a dense layer. */
  readonly moe?: MoePrograms;
}

export class CompiledPrograms {
  readonly embed: Program;
  /** Head and sampling after a prompt. */
  readonly finish: Program;
  readonly head: Program;
  readonly layers: readonly LayerPrograms[];
  /** [MoE layer] the call of `step` from which a halt in that layer is replayed. */
  readonly routeAt: readonly number[];
  step: Program;
  readonly #backend: Backend;

  private constructor(backend: Backend, parts: { embed: Program; finish: Program; head: Program; layers: LayerPrograms[]; step: Program; routeAt: number[] }) {
    this.#backend = backend;
    this.embed = parts.embed;
    this.finish = parts.finish;
    this.head = parts.head;
    this.layers = parts.layers;
    this.step = parts.step;
    this.routeAt = parts.routeAt;
  }

  /** All at once: the device compiles on as many threads as it has. */
  static async compile(backend: Backend, inputs: ProgramInputs): Promise<CompiledPrograms> {
    const builder = new ProgramBuilder(inputs);
    const { calls, routeAt } = builder.decodeStep();
    const compile = (label: string, toRun: readonly OperationCall[]) => backend.compile(label, inputs.workspace.control, toRun);
    const compileLayer = async (layer: LayerSpec): Promise<LayerPrograms> => {
      const start = compile(`prefill start ${layer.index}`, builder.prefillStart(layer));
      if (layer.ffn.kind === 'dense') return { start: await start };
      const experts = compile(`prefill experts ${layer.index}`, builder.prefillExperts(layer));
      const combine = compile(`prefill combine ${layer.index}`, builder.prefillCombine(layer));
      const made = await Promise.all([start, experts, combine]);
      return { start: made[0], moe: { experts: made[1], combine: made[2] } };
    };
    const [step, embed, head, finish, layers] = await Promise.all([
      compile('decode step', calls),
      compile('embed', builder.embed()),
      compile('head', builder.head()),
      compile('finish prompt', [...builder.head(), ...builder.sample()]),
      Promise.all(inputs.spec.layers.map(compileLayer)),
    ]);
    return new CompiledPrograms(backend, { embed, finish, head, layers, step, routeAt });
  }

  /**
   * Runs everything once with the halt flag raised: nothing is computed, but drivers that finish pipelines at their first dispatch (Mesa does) do it now and
   * not during the first answer. The next prompt rewrites the control block.
   */
  warmUp(): void {
    const halted = new Uint32Array(CONTROL_WORDS);
    halted[ControlWord.halted] = HaltReason.stopToken;
    halted[ControlWord.tokenCount] = 1;
    this.#backend.write(this.step.control, 0, halted);
    const programs = [
      this.embed,
      this.head,
      this.finish,
      this.step,
      ...this.layers.flatMap(({ start, moe }) => (moe ? [start, moe.experts, moe.combine] : [start])),
    ];
    for (const program of programs) this.#backend.submit([{ program, size: { tokenCount: 1 } }]);
  }

  rebind(replaced: ReadonlyMap<DeviceBuffer, DeviceBuffer>): void {
    if (replaced.size === 0) return;
    this.step = this.#backend.rebind(this.step, replaced);
    for (const { moe } of this.layers) if (moe) moe.experts = this.#backend.rebind(moe.experts, replaced);
  }
}
