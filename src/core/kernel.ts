// A kernel as data: what it binds, which numbers it takes, how large its grid is, what it costs. The WebGPU backend makes pipelines from it, the CPU backend
// checks calls against it, tests and the profiler read it. The WGSL of kernel NAME is shaders/NAME.wgsl, its meaning src/reference/NAME.ts.
//
// Bind group 0: binding 0 is the control block, binding 1 the Params struct, then `bindings` in order from 2.

import { assert, defined } from './assert';
import type { OperationCall, SubmitSize } from './backend';
import { roundUp } from './units';

export type ParamType = 'u32' | 'f32';

export interface KernelBinding {
  readonly name: string;
  readonly access: 'read' | 'read_write';
}

export interface Kernel {
  readonly name: string;
  /** True for the kernels that raise the halt flag; they bind the control block as read-write storage, all others as uniform. */
  readonly writesControl?: boolean;
  /** Files of shaders/lib and shaders/codecs that are linked before the kernel, without their ending. */
  readonly libraries: readonly string[];
  /** Fields of the WGSL Params struct in order; all are 4 bytes wide. */
  readonly params: ReadonlyArray<readonly [name: string, type: ParamType]>;
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

/** Constants of a call with the kernel's defaults filled in; asserts that call and kernel agree on names. */
export function resolveConstants(kernel: Kernel, call: OperationCall): Record<string, number> {
  for (const name of Object.keys(call.constants ?? {})) assert(name in kernel.constants, `${kernel.name} has no constant ${name}`);
  for (const [name] of kernel.params) assert(name in call.params, `${kernel.name} needs param ${name}`);
  for (const { name } of kernel.bindings) assert(name in call.buffers, `${kernel.name} needs binding ${name}`);
  assert(Object.keys(call.params).length === kernel.params.length, `${kernel.name} was given params it does not have`);
  assert(Object.keys(call.buffers).length === kernel.bindings.length, `${kernel.name} was given bindings it does not have`);
  return { ...kernel.constants, ...call.constants };
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
