import { describe, expect, it } from 'vitest';
import { FILE_HEAD_BYTES, LayerFile, type SyncHandle } from '../../src/storage/opfs-layer-file';
import { allocateNew } from '../../src/storage/record-store';

/** A file in memory whose writer dies, or whose disk fills, after so many bytes. */
class TestHandle implements SyncHandle {
  bytes = new Uint8Array(0);
  bytesLeft: number;
  readonly #onEnd: 'dies' | 'is full';

  constructor(bytesLeft = Number.POSITIVE_INFINITY, onEnd: 'dies' | 'is full' = 'dies') {
    this.bytesLeft = bytesLeft;
    this.#onEnd = onEnd;
  }

  read(into: Uint8Array, { at }: { at: number }): number {
    const part = this.bytes.subarray(at, at + into.byteLength);
    into.set(part);
    return part.byteLength;
  }

  write(bytes: Uint8Array, { at }: { at: number }): number {
    const taken = bytes.subarray(0, Math.min(bytes.byteLength, this.bytesLeft));
    this.bytesLeft -= taken.byteLength;
    if (at + taken.byteLength > this.bytes.byteLength && taken.byteLength > 0) this.#grow(at + taken.byteLength);
    this.bytes.set(taken, at);
    if (taken.byteLength < bytes.byteLength && this.#onEnd === 'dies') throw new Error('the tab was closed');
    return taken.byteLength;
  }

  #grow(sizeBytes: number): void {
    const next = new Uint8Array(sizeBytes);
    next.set(this.bytes);
    this.bytes = next;
  }

  getSize = () => this.bytes.byteLength;
  flush(): void {}
  close(): void {}
}

const OLD = new Uint8Array(50).fill(1);
const NEW = new Uint8Array(50).fill(2);

describe('LayerFile', () => {
  it('finds records by their number, in a file that is opened again', () => {
    const handle = new TestHandle();
    const file = new LayerFile(handle);
    expect([file.experts(), file.read(0, allocateNew)]).toEqual([[], undefined]);
    file.write(3, NEW);
    file.write(0, OLD);
    const again = new LayerFile(handle);
    expect(again.experts()).toEqual([0, 3]);
    expect(again.read(3, allocateNew)).toEqual(NEW);
    expect(again.read(1, allocateNew)).toBeUndefined();
    expect(again.read(99, allocateNew)).toBeUndefined();
    again.clear(3);
    again.clear(99);
    expect([again.experts(), again.read(3, allocateNew)]).toEqual([[0], undefined]);
  });

  it('sees what another tab has written since both opened an empty file, and destroys none of it', () => {
    const handle = new TestHandle();
    const [one, two] = [new LayerFile(handle), new LayerFile(handle)];
    expect([one.experts(), two.experts()]).toEqual([[], []]);
    one.write(0, OLD);
    expect(two.read(0, allocateNew)).toEqual(OLD);
    two.write(2, NEW);
    expect(one.experts()).toEqual([0, 2]);
  });

  it('takes records up to the size of its places, and reads into what it is given', () => {
    const file = new LayerFile(new TestHandle());
    file.write(0, new Uint8Array(5000).fill(7));
    expect([5000, 8192 - 16, 8192 - 15].map((size) => file.fits(size))).toEqual([true, true, false]);
    const memory = new Uint8Array(8192);
    const record = file.read(0, (sizeBytes) => memory.subarray(0, sizeBytes))!;
    expect(record.buffer).toBe(memory.buffer);
    expect([record.byteOffset, record.byteLength, record[4999]]).toEqual([16, 5000, 7]);
  });

  it.each(['dies', 'is full'] as const)('has the old record, none or the new one, when its writer %s after any number of bytes', (onEnd) => {
    const outcomes = new Set<string>();
    for (let bytesLeft = 0; bytesLeft <= 16 + 50 + 16; bytesLeft++) {
      const handle = new TestHandle(undefined, onEnd);
      const file = new LayerFile(handle);
      file.write(1, OLD);
      handle.bytesLeft = bytesLeft;
      let isDone = true;
      try {
        file.write(1, NEW);
      } catch {
        isDone = false;
      }
      handle.bytesLeft = Number.POSITIVE_INFINITY;
      const found = new LayerFile(handle).read(1, allocateNew);
      expect(isDone).toBe(bytesLeft === 82);
      expect([undefined, OLD, NEW]).toContainEqual(found);
      outcomes.add(found === undefined ? 'none' : found[0] === 1 ? 'old' : 'new');
    }
    expect([...outcomes].sort()).toEqual(['new', 'none', 'old']);
  });

  it('starts anew when the head was not finished or is broken', () => {
    for (let bytesLeft = 0; bytesLeft < FILE_HEAD_BYTES + NEW.byteLength; bytesLeft += 7) {
      const handle = new TestHandle(bytesLeft);
      expect(() => new LayerFile(handle).write(0, NEW)).toThrow('closed');
      handle.bytesLeft = Number.POSITIVE_INFINITY;
      expect(new LayerFile(handle).experts()).toEqual([]);
      new LayerFile(handle).write(0, NEW);
      expect(new LayerFile(handle).read(0, allocateNew)).toEqual(NEW);
      handle.bytes[9]! ^= 1;
      expect(new LayerFile(handle).experts()).toEqual([]);
    }
  });
});
