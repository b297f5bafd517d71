import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random';
import { MiB } from '../../src/core/units';
import { AHEAD_MAX_BYTES, type Range, ReadAhead } from '../../src/formats/read-ahead';
import { expectEngineError } from '../support/expect-engine-error';
import { MemorySource } from '../../src/formats/memory-source';

const random = new Random(5);
const file = Uint8Array.from({ length: 10_000 }, () => random.uint32());

/** Says which reads were begun, and gives nothing before `end`; of as many bytes as one likes. */
class HeldSource {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, () => void>();

  read(offset: number): Promise<Uint8Array> {
    this.begun.push(offset);
    return new Promise((resolve) => this.#ends.set(offset, () => resolve(new Uint8Array())));
  }

  end(offset: number): void {
    this.#ends.get(offset)!();
  }
}

const mebibytes = (...sizes: number[]): Range[] => {
  let end = 0;
  return sizes.map((size) => ({ offsetBytes: (end += size * MiB) - size * MiB, sizeBytes: size * MiB }));
};

describe('ReadAhead', () => {
  it('begins with what is next within its limit, and goes on by halves', async () => {
    const source = new HeldSource();
    const ranges = mebibytes(...Array.from({ length: 12 }, () => 4));
    const ahead = new ReadAhead(source, ranges);
    const read = async (index: number) => {
      const bytes = ahead.read(index * 4 * MiB, 4 * MiB);
      source.end(index * 4 * MiB);
      await bytes;
      return source.begun.length;
    };
    expect(AHEAD_MAX_BYTES).toBe(16 * MiB);
    expect([await read(0), await read(1), await read(2), await read(3), await read(4)]).toEqual([4, 4, 4, 7, 7]);
    expect(source.begun).toEqual([0, 1, 2, 3, 4, 5, 6].map((index) => index * 4 * MiB));
  });

  it('reads a range that is over the limit, by itself', () => {
    const source = new HeldSource();
    void new ReadAhead(source, mebibytes(40, 40)).read(0, 40 * MiB);
    expect(source.begun).toEqual([0]);
  });

  it('gives a failure to whoever asks, and to nobody else', async () => {
    const ahead = new ReadAhead(new MemorySource(file), [
      { offsetBytes: 0, sizeBytes: 10 },
      { offsetBytes: file.byteLength, sizeBytes: 1 },
    ]);
    expect(await ahead.read(0, 10)).toEqual(file.slice(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expectEngineError(() => ahead.read(file.byteLength, 1), 'file-truncated');
  });

  it('gives the bytes that are asked for, each range once, whatever was foretold', async () => {
    const range = fc.record({ offsetBytes: fc.nat(9000), sizeBytes: fc.nat(1000) });
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), fc.array(range, { maxLength: 4 }), fc.infiniteStream(fc.nat()), async (ranges, others, order) => {
        const source = new MemorySource(file);
        const begun: string[] = [];
        const read = (offset: number, length: number) => {
          begun.push(`${offset}+${length}`);
          return source.read(offset, length);
        };
        const ahead = new ReadAhead({ read }, ranges);
        const asked = [...ranges, ...others].map((each) => ({ ...each, place: order.next().value })).sort((a, b) => a.place - b.place);
        for (const { offsetBytes, sizeBytes } of asked) {
          expect(await ahead.read(offsetBytes, sizeBytes)).toEqual(file.slice(offsetBytes, offsetBytes + sizeBytes));
        }
        expect(begun.sort()).toEqual(asked.map(({ offsetBytes, sizeBytes }) => `${offsetBytes}+${sizeBytes}`).sort());
      }),
    );
  });
});
