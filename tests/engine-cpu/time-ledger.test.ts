import { expect, test } from 'vitest';
import { TimeLedger } from '../../src/engine/time-ledger';

/** A ledger on a clock and a supply that tests turn by hand. */
function bench() {
  const now = { ms: 0, readMs: 0, checksumMs: 0 };
  const ledger = new TimeLedger(
    () => now.ms,
    () => ({ readMs: now.readMs, checksumMs: now.checksumMs }),
  );
  const pass = (ms: number, busy: { readMs?: number; checksumMs?: number } = {}) => {
    now.ms += ms;
    now.readMs += busy.readMs ?? 0;
    now.checksumMs += busy.checksumMs ?? 0;
  };
  return { ledger, pass };
}

test('the time of a load is read, checked, uploaded or waited, and no part twice', async () => {
  const { ledger, pass } = bench();
  await ledger.loading(async () => {
    pass(10, { readMs: 6, checksumMs: 2 });
    ledger.upload(() => pass(3));
  });
  expect(ledger.totals()).toEqual({ computeMs: 0, haltMs: 0, readMs: 6, checksumMs: 2, uploadMs: 3, waitMs: 2 });
});

test('what was busy for longer than the load took is cut to it', async () => {
  const { ledger, pass } = bench();
  await ledger.loading(async () => pass(5, { readMs: 40, checksumMs: 1 }));
  const { readMs, checksumMs, waitMs } = ledger.totals();
  expect([readMs, checksumMs, waitMs]).toEqual([4, 1, 0]);
});

test('a load that fails counts too', async () => {
  const { ledger, pass } = bench();
  const failing = ledger.loading(async () => {
    pass(7, { readMs: 7 });
    throw new Error('gone');
  });
  await expect(failing).rejects.toThrow('gone');
  expect(ledger.totals().readMs).toBe(7);
});

test('waiting for the device is computing or halting, by what came of it', async () => {
  const { ledger, pass } = bench();
  const after = (ms: number, isMissing: boolean) => Promise.resolve().then(() => (pass(ms), isMissing));
  await ledger.device(after(4, false), (isMissing) => (isMissing ? 'haltMs' : 'computeMs'));
  await ledger.device(after(9, true), (isMissing) => (isMissing ? 'haltMs' : 'computeMs'));
  ledger.submit(() => pass(1));
  expect(ledger.totals()).toMatchObject({ computeMs: 5, haltMs: 9 });
});
