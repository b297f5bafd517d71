// Pipelines by variant name, made asynchronously and once. A promise that rejects leaves the cache, so a later try starts afresh.

import { EngineError } from '../core/errors';
import { type Kernel, variantName } from '../core/kernel';
import { linkShader } from './shader-sources';

export interface KernelPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<KernelPipeline>>();
  readonly #ready = new Map<string, KernelPipeline>();
  /** By their text: variants that differ in other constants share one. */
  readonly #modules = new Map<string, GPUShaderModule>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(kernel: Kernel, constants: Readonly<Record<string, number>>): Promise<KernelPipeline> {
    const variant = variantName(kernel, constants);
    let pending = this.#pipelines.get(variant);
    if (!pending) {
      pending = this.#create(kernel, constants, variant);
      this.#pipelines.set(variant, pending);
      pending.then(
        (made) => this.#ready.set(variant, made),
        () => this.#pipelines.delete(variant),
      );
    }
    return pending;
  }

  /** A pipeline that `get` has already made. */
  getReady(kernel: Kernel, constants: Readonly<Record<string, number>>): KernelPipeline | undefined {
    return this.#ready.get(variantName(kernel, constants));
  }

  async #create(kernel: Kernel, constants: Readonly<Record<string, number>>, variant: string): Promise<KernelPipeline> {
    const layout = this.#device.createBindGroupLayout({
      label: variant,
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: kernel.writesControl ? 'storage' : 'uniform' } },
        { binding: 1, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } },
        ...kernel.bindings.map(({ access }, i) => ({
          binding: i + 2,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
        })),
      ],
    });
    const code = linkShader(kernel, constants);
    let module = this.#modules.get(code);
    if (!module) {
      module = this.#device.createShaderModule({ label: kernel.name, code });
      this.#modules.set(code, module);
    }
    try {
      const pipeline = await this.#device.createComputePipelineAsync({
        label: variant,
        layout: this.#device.createPipelineLayout({ label: variant, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants: { ...constants } },
      });
      return { pipeline, layout };
    } catch (error) {
      const info = await module.getCompilationInfo();
      const messages = info.messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('\n');
      throw new EngineError(
        'internal',
        `The kernel ${variant} does not compile on this adapter. ${messages}`,
        'Please report it with the name of your GPU and browser; the CPU backend still works.',
        error,
      );
    }
  }
}
