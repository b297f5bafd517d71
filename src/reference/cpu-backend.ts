// The CPU backend: buffers are ArrayBuffers, operations are the references. It is what every kernel is checked against, and what runs where there is no adapter.
// Work runs when it is submitted; `read` answers in a later task, so that a worker on this backend still hears its messages between steps.

import { assert, defined } from '../core/assert';
import {
  type Backend,
  type BackendCounters,
  type DeviceBuffer,
  type OperationCall,
  type Program,
  type ReadbackRequest,
  type ReadbackRing,
  type SubmitItem,
  replaceBuffers,
  sliceOf,
} from '../core/backend';
import { CONTROL_WORDS, ControlWord } from '../core/control';
import { EngineError } from '../core/errors';
import { type Kernel, type ResolvedCall, resolveCall } from '../core/kernel';
import { GiB } from '../core/units';
import type { Reference, ReferenceCall } from './call';

class CpuBuffer implements DeviceBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #onDestroy: () => void;
  isDestroyed = false;

  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    onDestroy: () => void,
  ) {
    try {
      this.bytes = new Uint8Array(sizeBytes);
    } catch (error) {
      throw new EngineError('out-of-memory', `No memory for ${label} (${sizeBytes} bytes).`, 'Choose a smaller budget or context length.', error);
    }
    this.#onDestroy = onDestroy;
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#onDestroy();
  }
}

interface PreparedCall {
  readonly reference: Reference;
  readonly view: Omit<ReferenceCall, 'control'>;
}

class CpuProgram implements Program {
  constructor(
    readonly label: string,
    readonly control: DeviceBuffer,
    readonly calls: readonly OperationCall[],
    readonly prepared: readonly PreparedCall[],
  ) {}
}

export class CpuBackend implements Backend {
  readonly kind = 'cpu';
  readonly adapterName = 'CPU';
  readonly isSoftware = true;
  readonly limits = { maxBufferBytes: GiB, maxBindingBytes: GiB };
  readonly counters: BackendCounters = { dispatches: 0, submits: 0, readbacks: 0, buffersCreated: 0, bytesUploaded: 0 };
  readonly lost = new Promise<EngineError>(() => {});
  allocatedBytes = 0;
  liveBufferCount = 0;
  readonly #kernels: Readonly<Record<string, Kernel>>;
  readonly #references: Readonly<Record<string, Reference>>;

  constructor(kernels: Readonly<Record<string, Kernel>>, references: Readonly<Record<string, Reference>>) {
    this.#kernels = kernels;
    this.#references = references;
  }

  createBuffer(label: string, sizeBytes: number): DeviceBuffer {
    const buffer = new CpuBuffer(label, sizeBytes, () => {
      this.allocatedBytes -= sizeBytes;
      this.liveBufferCount--;
    });
    this.allocatedBytes += sizeBytes;
    this.liveBufferCount++;
    this.counters.buffersCreated++;
    return buffer;
  }

  write(buffer: DeviceBuffer, offsetBytes: number, data: ArrayBufferView): void {
    bytesOf(buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offsetBytes);
    this.counters.bytesUploaded += data.byteLength;
  }

  copy(source: DeviceBuffer, sourceOffsetBytes: number, target: DeviceBuffer, targetOffsetBytes: number, sizeBytes: number): void {
    bytesOf(target).set(bytesOf(source).subarray(sourceOffsetBytes, sourceOffsetBytes + sizeBytes), targetOffsetBytes);
  }

  createReadbackRing(_label: string, slotCount: number, slotBytes: number): ReadbackRing {
    return new CpuReadbackRing(slotCount, slotBytes, this.counters);
  }

  async compile(label: string, control: DeviceBuffer, calls: readonly OperationCall[]): Promise<Program> {
    return this.#prepare(label, control, calls);
  }

  rebind(program: Program, replace: ReadonlyMap<DeviceBuffer, DeviceBuffer>): Program {
    return this.#prepare(program.label, program.control, replaceBuffers(program.calls, replace));
  }

  #prepare(label: string, control: DeviceBuffer, calls: readonly OperationCall[]): CpuProgram {
    const prepared = calls.map((call) => {
      const kernel = defined(this.#kernels[call.operation], call.operation);
      return { reference: defined(this.#references[call.operation], call.operation), view: viewOf(resolveCall(kernel, call)) };
    });
    return new CpuProgram(label, control, calls, prepared);
  }

  submit(items: readonly SubmitItem[], readback?: ReadbackRequest): void {
    for (const { program, from = 0, to = program.calls.length, size } of items) {
      assert(program instanceof CpuProgram, 'a program of another backend');
      const words = new Uint32Array(bytesOf(program.control).buffer, 0, CONTROL_WORDS);
      assert(
        words[ControlWord.halted] !== 0 || words[ControlWord.tokenCount] === size.tokenCount,
        'the control block and the submit disagree on the token count',
      );
      for (const { reference, view } of program.prepared.slice(from, to)) {
        this.counters.dispatches++;
        if (words[ControlWord.halted] === 0) reference({ ...view, control: words });
      }
    }
    this.counters.submits++;
    if (readback) {
      assert(readback.ring instanceof CpuReadbackRing, 'a ring of another backend');
      readback.ring.fill(readback.slot, bytesOf(readback.source).subarray(readback.offsetBytes, readback.offsetBytes + readback.sizeBytes));
    }
  }

  async read(buffer: DeviceBuffer, offsetBytes: number, sizeBytes: number): Promise<ArrayBuffer> {
    this.counters.readbacks++;
    const copy = bytesOf(buffer).slice(offsetBytes, offsetBytes + sizeBytes).buffer;
    await nextTask();
    return copy;
  }

  async check(): Promise<void> {}

  async dispose(): Promise<void> {}
}

class CpuReadbackRing implements ReadbackRing {
  readonly #slots: Uint8Array<ArrayBuffer>[];
  readonly #counters: BackendCounters;

  constructor(
    readonly slotCount: number,
    slotBytes: number,
    counters: BackendCounters,
  ) {
    this.#slots = Array.from({ length: slotCount }, () => new Uint8Array(slotBytes));
    this.#counters = counters;
  }

  fill(slot: number, bytes: Uint8Array): void {
    defined(this.#slots[slot], 'readback slot').set(bytes);
  }

  async read(slot: number): Promise<ArrayBuffer> {
    this.#counters.readbacks++;
    const copy = defined(this.#slots[slot], 'readback slot').slice().buffer;
    await nextTask();
    return copy;
  }

  destroy(): void {
    this.#slots.length = 0;
  }
}

/** A task, not a microtask: messages that wait are heard first. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

function bytesOf(buffer: DeviceBuffer): Uint8Array<ArrayBuffer> {
  assert(buffer instanceof CpuBuffer, 'a buffer of another backend');
  assert(!buffer.isDestroyed, `${buffer.label} was destroyed`);
  return buffer.bytes;
}

function viewOf({ constants, params, buffers }: ResolvedCall): Omit<ReferenceCall, 'control'> {
  const slices = Object.fromEntries(
    buffers.map(([name, binding]) => {
      const slice = sliceOf(binding);
      return [name, bytesOf(slice.buffer).subarray(slice.offsetBytes, slice.offsetBytes + slice.sizeBytes)];
    }),
  );
  const bytes = (name: string) => defined(slices[name], name);
  const floats = new Map<string, Float32Array>();
  const words = new Map<string, Uint32Array>();
  for (const [name, slice] of Object.entries(slices)) {
    floats.set(name, new Float32Array(slice.buffer, slice.byteOffset, slice.byteLength >> 2));
    words.set(name, new Uint32Array(slice.buffer, slice.byteOffset, slice.byteLength >> 2));
  }
  return { params, constants, bytes, f32: (name) => defined(floats.get(name), name), u32: (name) => defined(words.get(name), name) };
}
