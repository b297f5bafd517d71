// Which backend runs: the one asked for, or WebGPU where there is an adapter and the CPU, with the reason, where there is none.

import type { BackendChoice } from '../core/api';
import type { Backend } from '../core/backend';
import { EngineError } from '../core/errors';
import { requestGpuDevice } from '../gpu/device';
import { WebGpuBackend } from '../gpu/webgpu-backend';
import { KERNELS } from '../kernels/index';
import { CpuBackend } from '../reference/cpu-backend';
import { REFERENCES } from '../reference/index';

export interface CreatedBackend {
  readonly backend: Backend;
  readonly fallbackReason?: string;
}

export async function createBackend(choice: BackendChoice, gpu: GPU | undefined): Promise<CreatedBackend> {
  if (choice === 'cpu') return { backend: new CpuBackend(KERNELS, REFERENCES) };
  if (choice !== 'webgpu' && choice !== 'auto') {
    throw new EngineError('invalid-argument', `backend is "${String(choice)}".`, 'Choose "auto", "webgpu" or "cpu".');
  }
  try {
    return { backend: new WebGpuBackend(await requestGpuDevice(gpu), KERNELS) };
  } catch (thrown) {
    const error = EngineError.from(thrown);
    if (choice === 'webgpu' || error.code !== 'no-adapter') throw error;
    return { backend: new CpuBackend(KERNELS, REFERENCES), fallbackReason: error.message };
  }
}
