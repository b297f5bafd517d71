// The one seam between the engine and the machine. A backend has buffers and a closed list of operations (src/kernels lists them); `webgpu` runs them as
// WGSL, `cpu` as plain loops, and the engine cannot tell which it has.
//
// Work is compiled once into a Program (pipelines, bind groups, params) and submitted many times; what varies between submits is in the Control block.

import type { EngineError } from './errors';

export interface DeviceBuffer {
  readonly label: string;
  readonly sizeBytes: number;
  destroy(): void;
}

/** A part of a buffer; `offsetBytes` is a multiple of 256 (the binding alignment). */
export interface BufferSlice {
  readonly buffer: DeviceBuffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export type Binding = DeviceBuffer | BufferSlice;

export function sliceOf(binding: Binding): BufferSlice {
  return 'buffer' in binding ? binding : { buffer: binding, offsetBytes: 0, sizeBytes: binding.sizeBytes };
}

/** One operation with everything it needs: which kernel, which buffers, which numbers. Plain data. */
export interface OperationCall {
  readonly operation: string;
  /** Binding name → buffer. The `control` binding is implied. */
  readonly buffers: Readonly<Record<string, Binding>>;
  /** Fields of the kernel's Params struct. */
  readonly params: Readonly<Record<string, number>>;
  /** Values of the kernel's override constants: they choose the variant. */
  readonly constants?: Readonly<Record<string, number>>;
}

export interface Program {
  readonly label: string;
  readonly control: DeviceBuffer;
  readonly calls: readonly OperationCall[];
}

/** What the host knows about the size of a submit; grids depend on it. */
export interface SubmitSize {
  readonly tokenCount: number;
}

export interface SubmitItem {
  readonly program: Program;
  /** First call to run (replay starts in the middle). Default 0. */
  readonly from?: number;
  /** One past the last call. Default: all. */
  readonly to?: number;
  readonly size: SubmitSize;
}

/** Bytes to copy, after the work of a submit, into a readback slot. */
export interface ReadbackRequest {
  readonly ring: ReadbackRing;
  readonly slot: number;
  readonly source: DeviceBuffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Staging memory made at load, so that reading a step's record allocates nothing on the device. */
export interface ReadbackRing {
  readonly slotCount: number;
  /** The bytes that the last submit naming this slot copied. Counts as one readback. The slot must not be submitted to again until this settles. */
  read(slot: number): Promise<ArrayBuffer>;
  destroy(): void;
}

export interface BackendCounters {
  dispatches: number;
  submits: number;
  readbacks: number;
  buffersCreated: number;
  /** Bytes written from the host to device buffers. */
  bytesUploaded: number;
}

export interface BackendLimits {
  readonly maxBufferBytes: number;
  readonly maxBindingBytes: number;
}

export interface Backend {
  readonly kind: 'webgpu' | 'cpu';
  /** For people: "NVIDIA …", "SwiftShader (software)", "CPU". */
  readonly adapterName: string;
  /** True when WebGPU runs in software. */
  readonly isSoftware: boolean;
  readonly limits: BackendLimits;
  readonly counters: Readonly<BackendCounters>;
  /** Bytes held by live device buffers, and how many they are. */
  readonly allocatedBytes: number;
  readonly liveBufferCount: number;
  /** Settles when the device is gone; never on dispose. */
  readonly lost: Promise<EngineError>;

  /** A zero-filled buffer. Throws EngineError 'out-of-memory' through `check`. */
  createBuffer(label: string, sizeBytes: number): DeviceBuffer;
  /** Ordered with submits: later submits see the bytes, earlier ones do not. */
  write(buffer: DeviceBuffer, offsetBytes: number, data: ArrayBufferView): void;
  copy(source: DeviceBuffer, sourceOffsetBytes: number, target: DeviceBuffer, targetOffsetBytes: number, sizeBytes: number): void;
  createReadbackRing(label: string, slotCount: number, slotBytes: number): ReadbackRing;
  /** Validates every call against its kernel and prepares it to run under a control block. Rejects with EngineError. */
  compile(label: string, control: DeviceBuffer, calls: readonly OperationCall[]): Promise<Program>;
  /** The program with some buffers exchanged (a slab that was resized); it reuses everything else, so it is synchronous. The old one must not be submitted again. */
  rebind(program: Program, replace: ReadonlyMap<DeviceBuffer, DeviceBuffer>): Program;
  submit(items: readonly SubmitItem[], readback?: ReadbackRequest): void;
  /** Reads any buffer. Counts as one readback. For prefill, tests and tools. */
  read(buffer: DeviceBuffer, offsetBytes: number, sizeBytes: number): Promise<ArrayBuffer>;
  /** Resolves when allocations so far succeeded; rejects with EngineError otherwise. */
  check(): Promise<void>;
  dispose(): Promise<void>;
}

/** The same calls on exchanged buffers. */
export function replaceBuffers(calls: readonly OperationCall[], replace: ReadonlyMap<DeviceBuffer, DeviceBuffer>): OperationCall[] {
  return calls.map((call) => {
    const buffers = Object.entries(call.buffers).map(([name, binding]) => {
      const { buffer } = sliceOf(binding);
      return [name, replace.get(buffer) ?? binding] as const;
    });
    return { ...call, buffers: Object.fromEntries(buffers) };
  });
}
