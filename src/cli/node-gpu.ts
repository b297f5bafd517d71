// WebGPU for Node: the `webgpu` package (Dawn). Loaded only when a GPU is wanted, since it needs the machine's graphics libraries.

import { EngineError } from '../core/errors';

// Dawn's instance must outlive its devices; nothing else refers to it.
let instance: GPU | undefined;

/** Also defines WebGPU's globals (GPUBufferUsage, …). Rejects with EngineError 'no-adapter' where the package does not load. */
export async function openNodeGpu(): Promise<GPU> {
  if (instance) return instance;
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    instance = create([]);
    return instance;
  } catch (cause) {
    throw new EngineError('no-adapter', 'WebGPU for Node could not be loaded.', 'Install the package again, or use --backend cpu.', cause);
  }
}
