import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random';
import { xxHash32, xxHash32OfText } from '../../src/storage/checksum';

describe('xxHash32', () => {
  // From the reference implementation (Cyan4973/xxHash); the long one takes a pair of stripes and both tails.
  it.each([
    ['', 0, 0x02cc5d05],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['', 0x9e3779b1, 0x36b78ae7],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ])('hashes %j with seed %i as the reference does', (text, seed, expected) => {
    expect(xxHash32OfText(text, seed)).toBe(expected);
  });

  // The reference's self-test (XSUM_sanityCheck). 222 bytes are pairs of stripes, a single one and both tails.
  it.each([
    [1, 0, 0xcf65b03e],
    [1, 0x9e3779b1, 0xb4545aa4],
    [14, 0, 0x1208e7e2],
    [14, 0x9e3779b1, 0x6af1d1fe],
    [222, 0, 0x5bd11dbd],
    [222, 0x9e3779b1, 0x58803c5f],
  ])('hashes %i bytes with seed %i as the reference does', (length, seed, expected) => {
    let state = 2654435761n;
    const bytes = Uint8Array.from({ length }, () => {
      const byte = Number(state >> 56n);
      state = BigInt.asUintN(64, state * 11400714785074694797n);
      return byte;
    });
    expect(xxHash32(bytes, seed)).toBe(expected);
  });

  it('does not depend on where the bytes lie in their buffer', () => {
    const random = new Random(1);
    for (let length = 0; length <= 70; length++) {
      const bytes = Uint8Array.from({ length }, () => random.integer(0, 255));
      for (let offset = 0; offset < 8; offset++) {
        const buffer = new Uint8Array(length + 16).fill(0xaa);
        buffer.set(bytes, offset);
        expect(xxHash32(buffer.subarray(offset, offset + length))).toBe(xxHash32(bytes));
      }
    }
  });

  it('changes with every single bit', () => {
    const bytes = Uint8Array.from({ length: 51 }, (_, index) => index * 37);
    const seen = new Set([xxHash32(bytes)]);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(xxHash32(flipped));
    }
    expect(seen.size).toBe(bytes.length * 8 + 1);
  });
});
