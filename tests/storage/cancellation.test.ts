import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/storage/cancellation';

describe('Cancellation', () => {
  it.each(['before', 'after'])('aborts a signal that was asked for %s', (when) => {
    const cancellation = new Cancellation();
    if (when === 'before') expect(cancellation.signal.aborted).toBe(false);
    expect(cancellation.isCancelled).toBe(false);
    cancellation.cancel();
    expect(cancellation.isCancelled).toBe(true);
    expect(cancellation.signal.aborted).toBe(true);
  });

  it('has one signal, which tells its listeners once', () => {
    const cancellation = new Cancellation();
    let heard = 0;
    cancellation.signal.addEventListener('abort', () => heard++);
    cancellation.cancel();
    cancellation.cancel();
    expect(cancellation.signal.aborted).toBe(true);
    expect(heard).toBe(1);
  });
});
