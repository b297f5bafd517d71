import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord, isModelId, modelIdOf, RECORD_HEADER_BYTES } from '../../src/storage/record';
import type { RecordAddress } from '../../src/storage/record';

const modelId = modelIdOf('https://example.org/model.gguf 123 "etag"');
const expert: RecordAddress = { kind: 'expert', modelId, layer: 3, expert: 70_000 };
const trunk: RecordAddress = { kind: 'trunk', modelId, name: 'token_embd.weight' };
const header: RecordAddress = { kind: 'source-header', modelId };
const payload = Uint8Array.from({ length: 100 }, (_, index) => index * 3);

describe('record', () => {
  it.each([expert, trunk, header])('gives back the payload of a $kind record as an aligned view', (address) => {
    const record = encodeRecord(address, payload);
    const decoded = decodeRecord(record, address, payload.byteLength);
    expect(decoded).toEqual({ ok: true, payload });
    if (!decoded.ok) return;
    expect(decoded.payload.buffer).toBe(record.buffer);
    expect(decoded.payload.byteOffset % 16).toBe(0);
  });

  it('has the documented header', () => {
    const view = new DataView(encodeRecord(expert, payload).buffer);
    expect(new TextDecoder().decode(new Uint8Array(view.buffer, 0, 4))).toBe('SLXR');
    expect([4, 8, 12, 16, 20, 28, 40, 44, 48, 52, 56, 60].map((offset) => view.getUint32(offset, true))).toEqual([1, 1, 0, 100, 0, 0, 3, 70_000, 0, 0, 0, 0]);
    expect(view.getBigUint64(32, true).toString(16).padStart(16, '0')).toBe(modelId);
  });

  it('accepts an empty payload', () => {
    expect(decodeRecord(encodeRecord(trunk, new Uint8Array()), trunk)).toMatchObject({ ok: true });
  });

  it('finds every flipped bit, in the header as in the payload', () => {
    const record = encodeRecord(expert, payload);
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = record.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeRecord(flipped, expert).ok, `bit ${bit}`).toBe(false);
    }
  });

  it('finds every truncation and an appended byte', () => {
    const record = encodeRecord(expert, payload);
    for (let length = 0; length < record.length; length++) expect(decodeRecord(record.subarray(0, length), expert).ok).toBe(false);
    const longer = new Uint8Array(record.length + 1);
    longer.set(record);
    expect(decodeRecord(longer, expert)).toEqual({ ok: false, reason: 'its header promises 100 bytes and 101 follow' });
  });

  it('refuses a sound record of something else', () => {
    const record = encodeRecord(expert, payload);
    const others: RecordAddress[] = [{ ...expert, layer: 4 }, { ...expert, expert: 0 }, { ...expert, modelId: modelIdOf('other') }, trunk, header];
    for (const address of others) expect(decodeRecord(record, address)).toEqual({ ok: false, reason: 'its header names other data' });
    expect(decodeRecord(encodeRecord(trunk, payload), { ...trunk, name: 'output.weight' }).ok).toBe(false);
    expect(decodeRecord(record, expert, 99)).toEqual({ ok: false, reason: 'it holds 100 bytes instead of 99' });
    expect(RECORD_HEADER_BYTES).toBe(64);
  });
});

describe('modelIdOf', () => {
  it('is 16 hexadecimal digits that follow the identity', () => {
    expect(isModelId(modelId)).toBe(true);
    expect(modelIdOf('a')).not.toBe(modelIdOf('b'));
    expect(isModelId('0123456789abcdeG')).toBe(false);
  });
});
