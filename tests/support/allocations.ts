// What code allocates, as far as a program can see it. Single blocks are seen exactly: the constructors of buffers and typed arrays, and Array.from, are
// replaced while the code runs. Everything small (objects, strings, lists that grow by push) is seen as growth of the heap, which counts what was thrown away
// too until the collector comes, so it is an upper bound between two collections.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Allocations {
  /** Of all buffers and typed arrays, and lists made at once, together. */
  readonly blockBytes: number;
  /** The largest buffer, typed array (in bytes) or list made at once (8 bytes for each item). */
  readonly largestBlockBytes: number;
  /** Of the heap and of the buffers outside it. Negative when the collector came. */
  readonly heapGrowthBytes: number;
}

const ITEM_BYTES = 8;
const TYPED_ARRAYS = ['Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'Float32Array', 'Float64Array'] as const;

/** Not for two actions at once: the constructors are the process's own. */
export async function measureAllocations(action: () => Promise<void>): Promise<Allocations> {
  let largestBlockBytes = 0;
  let blockBytes = 0;
  const note = (bytes: number): void => {
    blockBytes += bytes;
    largestBlockBytes = Math.max(largestBlockBytes, bytes);
  };
  const watch = <T extends object>(constructor: T, bytesOf: (first: unknown) => number): T =>
    new Proxy(constructor, {
      construct: (target, values: unknown[], self) => {
        note(bytesOf(values[0])); // before it is tried: an absurd one fails by itself
        return Reflect.construct(target as never, values, self as never);
      },
    });
  const own = new Map<string, unknown>();
  const replace = (name: string, value: unknown): void => {
    own.set(name, Reflect.get(globalThis, name));
    Reflect.set(globalThis, name, value);
  };
  const { from } = Array;
  const before = heapBytes();
  try {
    replace(
      'ArrayBuffer',
      watch(ArrayBuffer, (first) => Number(first)),
    );
    for (const name of TYPED_ARRAYS) {
      const constructor = globalThis[name];
      replace(
        name,
        watch(constructor, (first) => lengthOf(first) * constructor.BYTES_PER_ELEMENT),
      );
    }
    Array.from = ((items: unknown, ...rest: unknown[]) => {
      note(lengthOf(items) * ITEM_BYTES);
      return Reflect.apply(from, Array, [items, ...rest]) as unknown[];
    }) as typeof Array.from;
    await action();
  } finally {
    for (const [name, value] of own) Reflect.set(globalThis, name, value);
    Array.from = from;
  }
  return { blockBytes, largestBlockBytes, heapGrowthBytes: heapBytes() - before };
}

/** Items that a constructor would make of its first argument; a view of a buffer makes none. */
function lengthOf(first: unknown): number {
  if (typeof first === 'number') return first;
  if (typeof first !== 'object' || first === null || first instanceof ArrayBuffer || !('length' in first)) return 0;
  return Number(first.length);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is in use, after the collector came. Buffers are freed at the collection after that which finds them, on another thread. */
export async function heldBytes(): Promise<number> {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return heapBytes();
}

function heapBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
