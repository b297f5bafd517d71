// A kernel as data: what it binds, which numbers it takes, how large its grid is, what it costs. The WebGPU backend makes pipelines from it, the CPU backend
// checks calls against it, tests and the profiler read it. The WGSL of kernel NAME is shaders/NAME.wgsl, its meaning src/reference/NAME.ts.
//
// Bind group 0: binding 0 is the control block, binding 1 the Params struct, then `bindings` in order from 2.

import { assert, defined } from './assert';
import type { Binding, OperationCall, SubmitSize } from './backend';
import { roundUp } from './units';

export type ParamType = 'u32' | 'f32';

export interface KernelBinding {
  readonly name: string;
  readonly access: 'read' | 'read_write';
  /** A variant that does not read it leaves it out of its call; something that is bound anyway takes its place. */
  readonly optional?: true;
}

export interface Kernel {
  readonly name: string;
  /** True for the kernels that raise the halt flag; they bind the control block as read-write storage, all others as uniform. */
  readonly writesControl?: boolean;
  /** Files of shaders/lib that are linked before the kernel, without their ending. */
  readonly libraries: readonly string[];
  /** Constants that say which codec a matrix has (CODEC_IDS). A variant is linked with the readers of its own codecs alone, and `read_block`, which chooses one. */
  readonly codecs?: readonly string[];
  /** Fields of the WGSL Params struct in order; all are 4 bytes wide. Those with a fallback may be left out of a call. */
  readonly params: ReadonlyArray<readonly [name: string, type: ParamType, fallback?: number]>;
  readonly bindings: readonly KernelBinding[];
  /** Override constants and their defaults. */
  readonly constants: Readonly<Record<string, number>>;
  /** Workgroups in x, y, z; a zero means that there is nothing to do. */
  grid(params: Readonly<Record<string, number>>, constants: Readonly<Record<string, number>>, size: SubmitSize): readonly [number, number, number];
}

/** Largest grid side that WebGPU guarantees. Larger one-dimensional grids become two-dimensional; kernels join x and y again. */
export const MAX_GRID_SIDE = 65_535;

export function linearGrid(workgroupCount: number): readonly [number, number, number] {
  if (workgroupCount <= MAX_GRID_SIDE) return [workgroupCount, 1, 1];
  const height = Math.ceil(workgroupCount / MAX_GRID_SIDE);
  return [Math.ceil(workgroupCount / height), height, 1];
}

/** The variant string: pipeline key, GPU label, profiler label and test title. */
export function variantName(kernel: Kernel, constants: Readonly<Record<string, number>>): string {
  const settings = Object.keys(kernel.constants).map((name) => `${name}=${constants[name] ?? kernel.constants[name]}`);
  return settings.length === 0 ? kernel.name : `${kernel.name}(${settings.join(',')})`;
}

/** A call with everything filled in: defaults of constants and params, stand-ins for bindings that its variant leaves out. */
export interface ResolvedCall {
  readonly constants: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, number>>;
  /** In the order of the kernel's bindings. */
  readonly buffers: ReadonlyArray<readonly [name: string, binding: Binding]>;
}

/** Asserts that call and kernel agree on names. */
export function resolveCall(kernel: Kernel, call: OperationCall): ResolvedCall {
  const knows = (what: string, given: object, known: readonly string[]) => {
    const unknown = Object.keys(given).find((name) => !known.includes(name));
    assert(unknown === undefined, `${kernel.name} has no ${what} ${unknown}`);
  };
  knows('constant', call.constants ?? {}, Object.keys(kernel.constants));
  knows(
    'param',
    call.params,
    kernel.params.map(([name]) => name),
  );
  knows(
    'binding',
    call.buffers,
    kernel.bindings.map(({ name }) => name),
  );
  const standIn = kernel.bindings.map(({ name, access }) => (access === 'read' ? call.buffers[name] : undefined)).find((binding) => binding !== undefined);
  return {
    constants: { ...kernel.constants, ...call.constants },
    params: Object.fromEntries(kernel.params.map(([name, , fallback]) => [name, defined(call.params[name] ?? fallback, `${kernel.name} param ${name}`)])),
    buffers: kernel.bindings.map(({ name, optional }) => [
      name,
      defined(call.buffers[name] ?? (optional ? standIn : undefined), `${kernel.name} binding ${name}`),
    ]),
  };
}

/** The Params struct as bytes, padded to 16. */
export function encodeParams(kernel: Kernel, params: Readonly<Record<string, number>>): Uint8Array {
  const bytes = new Uint8Array(roundUp(kernel.params.length * 4, 16));
  const view = new DataView(bytes.buffer);
  kernel.params.forEach(([name, type], i) => {
    const value = defined(params[name], name);
    if (type === 'f32') view.setFloat32(i * 4, value, true);
    else view.setUint32(i * 4, value, true);
  });
  return bytes;
}
