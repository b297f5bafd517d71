// The compiled programs of a model, and the exchange of buffers when slabs are resized.

import type { Backend, DeviceBuffer, Program } from '../core/backend';
import { CONTROL_WORDS, ControlWord, HaltReason } from '../core/control';
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

  static async compile(backend: Backend, inputs: ProgramInputs): Promise<CompiledPrograms> {
    const builder = new ProgramBuilder(inputs);
    const { control } = inputs.workspace;
    const { calls, routeAt } = builder.decodeStep();
    const step = await backend.compile('decode step', control, calls);
    const embed = await backend.compile('embed', control, builder.embed());
    const head = await backend.compile('head', control, builder.head());
    const finish = await backend.compile('finish prompt', control, [...builder.head(), ...builder.sample()]);
    const layers: LayerPrograms[] = [];
    for (const layer of inputs.spec.layers) {
      const start = await backend.compile(`prefill start ${layer.index}`, control, builder.prefillStart(layer));
      if (layer.ffn.kind === 'dense') {
        layers.push({ start });
        continue;
      }
      const experts = await backend.compile(`prefill experts ${layer.index}`, control, builder.prefillExperts(layer));
      const combine = await backend.compile(`prefill combine ${layer.index}`, control, builder.prefillCombine(layer));
      layers.push({ start, moe: { experts, combine } });
    }
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
