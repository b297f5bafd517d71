// Backends for tests of the engine: the same that the worker makes.

import type { Backend } from '../../src/core/backend';
import { requestGpuDevice } from '../../src/gpu/device';
import { WebGpuBackend } from '../../src/gpu/webgpu-backend';
import { KERNELS } from '../../src/kernels';
import { REFERENCES } from '../../src/reference';
import { CpuBackend } from '../../src/reference/cpu-backend';
import { requestTestDevice, testGpu } from './gpu';

/** Makes a fresh backend; undefined where there is none, which under REQUIRE_GPU=1 is a failure instead. */
export type BackendFactory = () => Promise<Backend | undefined>;

export const cpuBackend: BackendFactory = async () => new CpuBackend(KERNELS, REFERENCES);

export const webGpuBackend: BackendFactory = async () => {
  // Notes the adapter for the summary of the run.
  const probe = await requestTestDevice();
  if (!probe) return undefined;
  probe.device.destroy();
  return new WebGpuBackend(await requestGpuDevice(await testGpu()), KERNELS);
};
