// How fast a store is here: a few records written and read. Decides between OPFS and IndexedDB at the first visit, and is remembered.

import type { StoreRates } from '../core/api';
import { MiB } from '../core/units';
import type { RecordStore } from './record-store';

const RECORD_COUNT = 4;
const RECORD_BYTES = MiB;
const READ_ROUNDS = 2;

/** Not a model id, so that it is never taken for a model. */
const PREFIX = 'measure/';

/** Leaves nothing behind. Rejects with what the store rejects with. */
export async function measureStore(store: RecordStore, clock: () => number): Promise<StoreRates> {
  const keys = Array.from({ length: RECORD_COUNT }, (_, index) => `${PREFIX}expert/0/${index}`);
  const record = Uint8Array.from({ length: RECORD_BYTES }, (_, index) => index * 31 + (index >> 8));
  const memory = keys.map(() => new Map<number, Uint8Array>());
  try {
    const writing = clock();
    await store.putMany(keys.map((key) => [key, record]));
    const reading = clock();
    for (let round = 0; round < READ_ROUNDS; round++) {
      let next = 0;
      // The same memory each round, as reads of experts have it.
      await store.getMany(keys, (sizeBytes) => {
        const slot = memory[next++ % memory.length]!;
        if (!slot.has(sizeBytes)) slot.set(sizeBytes, new Uint8Array(sizeBytes));
        return slot.get(sizeBytes)!;
      });
    }
    const done = clock();
    const bytes = RECORD_COUNT * RECORD_BYTES;
    return { writeBytesPerSecond: perSecond(bytes, reading - writing), readBytesPerSecond: perSecond(READ_ROUNDS * bytes, done - reading) };
  } finally {
    await store.deletePrefix(PREFIX);
  }
}

/** Clocks are coarse: what takes no time at all took a part of a tick. */
function perSecond(bytes: number, milliseconds: number): number {
  return Math.round((bytes * 1000) / Math.max(milliseconds, 0.1));
}
