// Dawn for Node asks the GPU whether it is done with one setImmediate after another, which keeps a core busy: the one on which a software adapter would compute.
// With a millisecond in between a file of kernel tests on lavapipe took 22 s of the processor instead of 47. Nobody but Dawn calls setImmediate from native code.
// To be deleted when Dawn's AsyncRunner, which calls `setImmediate` of the global object, waits by itself.

const setImmediateNow = globalThis.setImmediate;
const setTimer = globalThis.setTimeout;

function setImmediateOrSoon(callback: (...values: unknown[]) => void, ...values: unknown[]): unknown {
  const isNative = String(callback).includes('[native code]');
  return isNative ? setTimer(callback, 1, ...values) : setImmediateNow(callback, ...values);
}

globalThis.setImmediate = setImmediateOrSoon as typeof setImmediate;
