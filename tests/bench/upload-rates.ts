// How fast bytes reach the GPU, by the ways that WebGPU has: `writeBuffer` with a whole expert, in pieces, and through a ring of mapped buffers. A round ends
// when the queue is done with all of it.

import { MiB } from '../../src/core/units';
import { requestGpuDevice } from '../../src/gpu/device';

export interface UploadBenchResult {
  readonly adapter: string;
  /** [way] bytes per second. */
  readonly bytesPerSecond: Readonly<Record<string, number>>;
}

const EXPERT_BYTES = 8 * MiB;
const EXPERT_COUNT = 8;
const RING_COUNT = 4;
const ROUNDS = 3;

export async function benchUpload(): Promise<UploadBenchResult> {
  const { device, adapterName } = await requestGpuDevice(navigator.gpu);
  const slab = device.createBuffer({ size: EXPERT_BYTES * EXPERT_COUNT, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  const expert = new Uint8Array(EXPERT_BYTES).fill(7);
  const ring = Array.from({ length: RING_COUNT }, () =>
    device.createBuffer({ size: EXPERT_BYTES, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC, mappedAtCreation: true }),
  );
  const inPieces = (pieceBytes: number) => async () => {
    for (let i = 0; i < EXPERT_COUNT; i++) {
      for (let at = 0; at < EXPERT_BYTES; at += pieceBytes) device.queue.writeBuffer(slab, i * EXPERT_BYTES + at, expert, at, pieceBytes);
    }
  };
  const throughRing = async () => {
    for (let i = 0; i < EXPERT_COUNT; i++) {
      const staging = ring[i % RING_COUNT]!;
      if (staging.mapState !== 'mapped') await staging.mapAsync(GPUMapMode.WRITE);
      new Uint8Array(staging.getMappedRange()).set(expert);
      staging.unmap();
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(staging, 0, slab, i * EXPERT_BYTES, EXPERT_BYTES);
      device.queue.submit([encoder.finish()]);
    }
  };
  const ways: Readonly<Record<string, () => Promise<void>>> = {
    'writeBuffer, whole': inPieces(EXPERT_BYTES),
    'writeBuffer, 4 MiB': inPieces(4 * MiB),
    'writeBuffer, 2 MiB': inPieces(2 * MiB),
    'writeBuffer, 1 MiB': inPieces(MiB),
    'ring of mapped buffers': throughRing,
  };
  const bytesPerSecond: Record<string, number> = {};
  for (const [name, upload] of Object.entries(ways)) {
    let best = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      const start = performance.now();
      await upload();
      await device.queue.onSubmittedWorkDone();
      // The first round warms up.
      if (round > 0) best = Math.max(best, (EXPERT_BYTES * EXPERT_COUNT * 1000) / (performance.now() - start));
    }
    bytesPerSecond[name] = best;
  }
  device.destroy();
  return { adapter: adapterName, bytesPerSecond };
}
