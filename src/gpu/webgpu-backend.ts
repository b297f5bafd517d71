// The WebGPU backend: programs are lists of dispatches with their pipelines and bind groups made ahead, so that a step is encoded without allocating.

import { assert, defined } from '../core/assert';
import {
  type Backend,
  type BackendCounters,
  type BackendLimits,
  type DeviceBuffer,
  type OperationCall,
  type Program,
  type ReadbackRequest,
  type ReadbackRing,
  type SubmitItem,
  replaceBuffers,
  sliceOf,
} from '../core/backend';
import { EngineError } from '../core/errors';
import { type Kernel, type ResolvedCall, encodeParams, resolveCall, variantName } from '../core/kernel';
import { MiB, roundUp } from '../core/units';
import type { GpuDevice } from './device';
import { type KernelPipeline, PipelineCache } from './pipeline-cache';
import { GpuReadbackRing } from './readback';

/** Params of one call: one uniform binding offset. */
const PARAMS_STRIDE_BYTES = 256;

/** Pieces of an upload: writeBuffer copies through staging memory, and small pieces keep that memory small and the page smooth. */
const UPLOAD_PIECE_BYTES = 4 * MiB;

class GpuBuffer implements DeviceBuffer {
  isDestroyed = false;
  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    readonly gpuBuffer: GPUBuffer,
    readonly onDestroy: () => void,
  ) {}

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.gpuBuffer.destroy();
    this.onDestroy();
  }
}

interface PreparedCall {
  readonly kernel: Kernel;
  readonly constants: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, number>>;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

class GpuProgram implements Program {
  constructor(
    readonly label: string,
    readonly control: DeviceBuffer,
    readonly calls: readonly OperationCall[],
    readonly prepared: readonly PreparedCall[],
    readonly paramsBuffer: DeviceBuffer,
  ) {}
}

export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu';
  readonly adapterName: string;
  readonly isSoftware: boolean;
  readonly limits: BackendLimits;
  readonly counters: BackendCounters = { dispatches: 0, submits: 0, readbacks: 0, buffersCreated: 0, bytesUploaded: 0 };
  readonly lost: Promise<EngineError>;
  allocatedBytes = 0;
  liveBufferCount = 0;
  readonly #device: GPUDevice;
  readonly #kernels: Readonly<Record<string, Kernel>>;
  readonly #pipelines: PipelineCache;
  #failure: EngineError | undefined;
  #isDisposed = false;

  constructor({ device, adapterName, isSoftware }: GpuDevice, kernels: Readonly<Record<string, Kernel>>) {
    this.#device = device;
    this.#kernels = kernels;
    this.#pipelines = new PipelineCache(device);
    this.adapterName = adapterName;
    this.isSoftware = isSoftware;
    this.limits = { maxBufferBytes: device.limits.maxBufferSize, maxBindingBytes: device.limits.maxStorageBufferBindingSize };
    this.lost = new Promise((resolve) => {
      void device.lost.then((info) => {
        if (!this.#isDisposed) resolve((this.#failure = deviceLost(info.message)));
      });
    });
    // An error nobody asked for is kept and thrown by the next check(): silence would show as wrong numbers.
    device.addEventListener('uncapturederror', (event) => {
      this.#failure ??= errorOf(event.error);
    });
  }

  createBuffer(label: string, sizeBytes: number): DeviceBuffer {
    const size = roundUp(Math.max(sizeBytes, 16), 16);
    if (size > this.limits.maxBufferBytes) {
      throw new EngineError(
        'out-of-memory',
        `${label} needs a buffer of ${size} bytes; this adapter allows ${this.limits.maxBufferBytes}.`,
        'Choose a smaller budget or context length.',
      );
    }
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const gpuBuffer = this.#device.createBuffer({ label, size, usage });
    this.allocatedBytes += size;
    this.liveBufferCount++;
    this.counters.buffersCreated++;
    return new GpuBuffer(label, size, gpuBuffer, () => {
      this.allocatedBytes -= size;
      this.liveBufferCount--;
    });
  }

  write(buffer: DeviceBuffer, offsetBytes: number, data: ArrayBufferView): void {
    for (let done = 0; done < data.byteLength; done += UPLOAD_PIECE_BYTES) {
      const length = Math.min(UPLOAD_PIECE_BYTES, data.byteLength - done);
      this.#device.queue.writeBuffer(gpuOf(buffer), offsetBytes + done, data.buffer, data.byteOffset + done, length);
    }
    this.counters.bytesUploaded += data.byteLength;
  }

  copy(source: DeviceBuffer, sourceOffsetBytes: number, target: DeviceBuffer, targetOffsetBytes: number, sizeBytes: number): void {
    const encoder = this.#device.createCommandEncoder({ label: 'copy' });
    encoder.copyBufferToBuffer(gpuOf(source), sourceOffsetBytes, gpuOf(target), targetOffsetBytes, sizeBytes);
    this.#device.queue.submit([encoder.finish()]);
  }

  createReadbackRing(label: string, slotCount: number, slotBytes: number): ReadbackRing {
    this.counters.buffersCreated += slotCount;
    return new GpuReadbackRing(this.#device, label, slotCount, slotBytes, {
      onRead: () => this.counters.readbacks++,
      failure: () => this.#failure,
    });
  }

  async compile(label: string, control: DeviceBuffer, calls: readonly OperationCall[]): Promise<Program> {
    const pipelines = await Promise.all(
      calls.map((call) => {
        const kernel = defined(this.#kernels[call.operation], call.operation);
        return this.#pipelines.get(kernel, resolveCall(kernel, call).constants);
      }),
    );
    this.#throwFailure();
    const paramsBuffer = this.createBuffer(`${label} params`, Math.max(1, calls.length) * PARAMS_STRIDE_BYTES);
    calls.forEach((call, i) => {
      const kernel = defined(this.#kernels[call.operation], call.operation);
      this.write(paramsBuffer, i * PARAMS_STRIDE_BYTES, encodeParams(kernel, resolveCall(kernel, call).params));
    });
    return this.#bind(label, control, calls, pipelines, paramsBuffer);
  }

  rebind(program: Program, replace: ReadonlyMap<DeviceBuffer, DeviceBuffer>): Program {
    assert(program instanceof GpuProgram, 'a program of another backend');
    const pipelines = program.prepared.map(({ kernel, constants }) => defined(this.#pipelines.getReady(kernel, constants), kernel.name));
    return this.#bind(program.label, program.control, replaceBuffers(program.calls, replace), pipelines, program.paramsBuffer);
  }

  #bind(label: string, control: DeviceBuffer, calls: readonly OperationCall[], pipelines: readonly KernelPipeline[], paramsBuffer: DeviceBuffer): GpuProgram {
    const prepared = calls.map((call, i) => {
      const kernel = defined(this.#kernels[call.operation], call.operation);
      const resolved = resolveCall(kernel, call);
      const { pipeline, layout } = defined(pipelines[i], kernel.name);
      const bindGroup = this.#createBindGroup(kernel, resolved, layout, control, paramsBuffer, i);
      return { kernel, constants: resolved.constants, params: resolved.params, pipeline, bindGroup };
    });
    return new GpuProgram(label, control, calls, prepared, paramsBuffer);
  }

  #createBindGroup(
    kernel: Kernel,
    { constants, buffers }: ResolvedCall,
    layout: GPUBindGroupLayout,
    control: DeviceBuffer,
    paramsBuffer: DeviceBuffer,
    index: number,
  ): GPUBindGroup {
    return this.#device.createBindGroup({
      label: variantName(kernel, constants),
      layout,
      entries: [
        { binding: 0, resource: { buffer: gpuOf(control) } },
        { binding: 1, resource: { buffer: gpuOf(paramsBuffer), offset: index * PARAMS_STRIDE_BYTES, size: PARAMS_STRIDE_BYTES } },
        ...buffers.map(([, binding], i) => {
          const slice = sliceOf(binding);
          return { binding: i + 2, resource: { buffer: gpuOf(slice.buffer), offset: slice.offsetBytes, size: slice.sizeBytes } };
        }),
      ],
    });
  }

  submit(items: readonly SubmitItem[], readback?: ReadbackRequest): void {
    const encoder = this.#device.createCommandEncoder({ label: items[0]?.program.label ?? 'copy' });
    const pass = encoder.beginComputePass({ label: items[0]?.program.label ?? 'copy' });
    for (const { program, from = 0, to = program.calls.length, size } of items) {
      assert(program instanceof GpuProgram, 'a program of another backend');
      for (let i = from; i < to; i++) {
        const call = defined(program.prepared[i], 'call');
        const [x, y, z] = call.kernel.grid(call.params, call.constants, size);
        if (x * y * z === 0) continue;
        pass.setPipeline(call.pipeline);
        pass.setBindGroup(0, call.bindGroup);
        pass.dispatchWorkgroups(x, y, z);
        this.counters.dispatches++;
      }
    }
    pass.end();
    if (readback) {
      assert(readback.ring instanceof GpuReadbackRing, 'a ring of another backend');
      encoder.copyBufferToBuffer(gpuOf(readback.source), readback.offsetBytes, readback.ring.bufferOf(readback.slot), 0, readback.sizeBytes);
    }
    this.#device.queue.submit([encoder.finish()]);
    this.counters.submits++;
  }

  async read(buffer: DeviceBuffer, offsetBytes: number, sizeBytes: number): Promise<ArrayBuffer> {
    const staging = this.#device.createBuffer({ label: 'read', size: roundUp(sizeBytes, 4), usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.counters.buffersCreated++;
    try {
      const encoder = this.#device.createCommandEncoder({ label: 'read' });
      encoder.copyBufferToBuffer(gpuOf(buffer), offsetBytes, staging, 0, roundUp(sizeBytes, 4));
      this.#device.queue.submit([encoder.finish()]);
      this.counters.readbacks++;
      await staging.mapAsync(GPUMapMode.READ);
      this.#throwFailure();
      return staging.getMappedRange().slice(0, sizeBytes);
    } catch (error) {
      throw this.#failure ?? deviceLost(String(error));
    } finally {
      staging.destroy();
    }
  }

  /** Waits until the queue is empty, so that an allocation that failed has said so. */
  async check(): Promise<void> {
    await this.#device.queue.onSubmittedWorkDone().catch(() => {});
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    this.#device.destroy();
  }
}

function gpuOf(buffer: DeviceBuffer): GPUBuffer {
  assert(buffer instanceof GpuBuffer, 'a buffer of another backend');
  assert(!buffer.isDestroyed, `${buffer.label} was destroyed`);
  return buffer.gpuBuffer;
}

function deviceLost(message: string): EngineError {
  return new EngineError('device-lost', `The GPU device was lost. ${message}`.trim(), 'Try again; with less GPU memory for experts if it happens again.');
}

function errorOf(error: GPUError): EngineError {
  if (typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError) {
    return new EngineError('out-of-memory', 'The GPU has no memory left for this.', 'Choose a smaller GPU budget or context length.', error.message);
  }
  return new EngineError(
    'internal',
    `WebGPU reported an error: ${error.message}`,
    'This is a bug in Sluice; please report it with the name of your GPU and browser.',
  );
}
