// Dawn for Node asks the GPU whether it is done with one setImmediate after another, which keeps a core busy: the one on which a software adapter would compute.
// With a rest in between a file of kernel tests on lavapipe took 22 s of the processor instead of 47. Nobody but Dawn calls setImmediate from native code.
// (A timer instead of a rest leaves so many Timeout objects behind that the heap seems to grow.)
// To be deleted when Dawn's AsyncRunner, which calls `setImmediate` of the global object, waits by itself.

const REST_MS = 1;

const setImmediateNow = globalThis.setImmediate;
const cell = new Int32Array(new SharedArrayBuffer(4));

function restAndCall(callback: () => void): void {
  Atomics.wait(cell, 0, 0, REST_MS);
  callback();
}

function setImmediateOrRest(callback: (...values: unknown[]) => void, ...values: unknown[]): unknown {
  const isNative = String(callback).includes('[native code]');
  return isNative ? setImmediateNow(restAndCall, callback) : setImmediateNow(callback, ...values);
}

globalThis.setImmediate = setImmediateOrRest as typeof setImmediate;
