import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/units';
import { RecordBuffers } from '../../src/storage/record-buffers';

describe('RecordBuffers', () => {
  it('gives memory again when its last holder has released it, to who wants the same size', () => {
    const buffers = new RecordBuffers();
    const first = buffers.take(1000);
    buffers.hold(first.subarray(10, 20)); // any part of it will do
    buffers.release(first);
    expect(buffers.take(1000).buffer).not.toBe(first.buffer);
    buffers.release(first);
    expect(buffers.take(999).buffer).not.toBe(first.buffer);
    expect(buffers.take(1000).buffer).toBe(first.buffer);
    expect(buffers.take(1000).buffer).not.toBe(first.buffer);
  });

  it('has nothing to do with bytes from elsewhere', () => {
    const buffers = new RecordBuffers();
    const foreign = new Uint8Array(100);
    buffers.hold(foreign);
    buffers.release(foreign);
    buffers.release(foreign);
    expect(buffers.take(100).buffer).not.toBe(foreign.buffer);
  });

  it('keeps no more than its limit', () => {
    const buffers = new RecordBuffers();
    const taken = Array.from({ length: 5 }, () => buffers.take(16 * MiB));
    for (const bytes of taken) buffers.release(bytes);
    const again = new Set(Array.from({ length: 5 }, () => buffers.take(16 * MiB).buffer));
    expect(taken.filter(({ buffer }) => again.has(buffer))).toHaveLength(4);
  });
});
