// A WebGPU device for tests, the same call in Node (the `webgpu` package) and in Chromium. No adapter is a failure under REQUIRE_GPU=1 and a loud skip
// otherwise: a suite that skips has tested nothing.

import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    requireGpu: boolean;
  }
}

export interface TestDevice {
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
  /** For titles and messages: "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6) · node". */
  readonly name: string;
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

const FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];
export const inBrowser = typeof window !== 'undefined';

/** As for Chromium, see src/tools/chromium.mjs. */
const SWIFTSHADER_FLAGS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];

// Dawn's instance must outlive its adapters and devices; nothing else refers to it.
let instance: GPU | undefined;

/** The GPU object of this place; undefined where there is none. In Node this also defines WebGPU's globals (GPUBufferUsage, …). */
export async function testGpu(): Promise<GPU | undefined> {
  if (inBrowser) return navigator.gpu;
  if (!instance) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    instance = create(process.env['VK_ICD_FILENAMES']?.includes('swiftshader') ? SWIFTSHADER_FLAGS : []);
  }
  return instance;
}

/** A fresh device with the adapter's full limits, or undefined (see `skipWithoutDevice`) when there is no adapter. */
export async function requestTestDevice(): Promise<TestDevice | undefined> {
  const adapter = await (await testGpu())?.requestAdapter();
  if (!adapter) {
    if (inject('requireGpu')) throw new Error('REQUIRE_GPU=1, but there is no WebGPU adapter here.');
    console.warn(`NO WEBGPU ADAPTER in ${inBrowser ? 'this browser' : 'Node'}: tests on WebGPU are skipped and show nothing.`);
    return undefined;
  }
  const requiredLimits: Record<string, number> = {};
  for (const limit of LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  const { vendor, architecture, device: deviceName, description } = adapter.info;
  const name = `${description || [vendor, architecture, deviceName].filter(Boolean).join(' ')} · ${inBrowser ? 'browser' : 'node'}`;
  await record(`${name} · ${requiredFeatures.join(', ') || 'no optional features'} · bindings to ${adapter.limits.maxStorageBufferBindingSize} bytes`);
  return { adapter, device, name };
}

async function record(description: string): Promise<void> {
  if (inBrowser) {
    const { commands } = await import('vitest/browser');
    await (commands as unknown as { recordAdapter(project: string, description: string): Promise<void> }).recordAdapter('browser', description);
  } else {
    const { recordAdapter } = await import('./gpu-log');
    recordAdapter(process.env['SLUICE_PROJECT'] ?? 'gpu', description);
  }
}
