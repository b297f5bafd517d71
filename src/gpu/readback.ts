// Staging buffers made once. A slot is mapped only when somebody reads it: a step that was encoded ahead and turned out to do nothing is never mapped.
// Firefox polls its device on a timer, so mapAsync settles up to about 100 ms late (bugzilla.mozilla.org 1870699): reading one record per step, several steps ahead
// (src/engine/steps-ahead.ts), and loading for many layers at one halt are what keep that bearable. Nothing here is to be removed when the bug is fixed; the limit
// of steps ahead may then fall to 1. Safari resolves it with the frame (a few ms), which the same two things hide. Neither was measured here.

import { defined } from '../core/assert';
import type { ReadbackRing } from '../core/backend';
import { EngineError } from '../core/errors';

interface ReadbackHooks {
  onRead(): void;
  /** Why the device can no longer be trusted, if so. */
  failure(): EngineError | undefined;
}

export class GpuReadbackRing implements ReadbackRing {
  readonly slotCount: number;
  readonly #buffers: GPUBuffer[];
  readonly #hooks: ReadbackHooks;

  constructor(device: GPUDevice, label: string, slotCount: number, slotBytes: number, hooks: ReadbackHooks) {
    this.slotCount = slotCount;
    this.#hooks = hooks;
    this.#buffers = Array.from({ length: slotCount }, (_, i) =>
      device.createBuffer({ label: `${label} ${i}`, size: slotBytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
    );
  }

  bufferOf(slot: number): GPUBuffer {
    return defined(this.#buffers[slot], 'readback slot');
  }

  async read(slot: number): Promise<ArrayBuffer> {
    const buffer = this.bufferOf(slot);
    this.#hooks.onRead();
    try {
      await buffer.mapAsync(GPUMapMode.READ);
    } catch (error) {
      throw (
        this.#hooks.failure() ??
        new EngineError(
          'device-lost',
          'The GPU device was lost while a result was read.',
          'Try again; with less GPU memory for experts if it happens again.',
          error,
        )
      );
    }
    const copy = buffer.getMappedRange().slice(0);
    buffer.unmap();
    const failure = this.#hooks.failure();
    if (failure) throw failure;
    return copy;
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }
}
