// Getting a device: the adapter with all the limits it has, a name for people, and plain errors.

import { EngineError } from '../core/errors';

export interface GpuDevice {
  readonly device: GPUDevice;
  readonly adapterName: string;
  readonly isSoftware: boolean;
}

const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** Rejects with EngineError 'no-adapter' when there is none. */
export async function requestGpuDevice(gpu: GPU | undefined): Promise<GpuDevice> {
  if (!gpu) {
    throw new EngineError(
      'no-adapter',
      'This environment has no WebGPU.',
      'Use a browser with WebGPU on a secure (https or localhost) page, or choose the CPU backend.',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new EngineError(
      'no-adapter',
      'WebGPU found no graphics adapter.',
      'Enable hardware acceleration in the browser settings, or choose the CPU backend.',
    );
  }
  const requiredLimits = Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]]));
  try {
    const device = await adapter.requestDevice({ label: 'sluice', requiredLimits });
    return { device, adapterName: nameOf(adapter.info), isSoftware: isSoftwareAdapter(adapter.info) };
  } catch (error) {
    throw new EngineError(
      'no-adapter',
      'The graphics adapter refused to open a device.',
      'Close other pages that use the GPU and try again, or choose the CPU backend.',
      error,
    );
  }
}

function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|warp|basic render/.test(text);
}

function nameOf(info: GPUAdapterInfo): string {
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'unnamed adapter';
  return isSoftwareAdapter(info) ? `${name} (software)` : name;
}
