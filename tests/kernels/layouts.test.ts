// Contracts (src/kernels) and WGSL (shaders) say the same: params, bindings, constants, and the two blocks whose layout TypeScript writes by hand.

import { expect, test } from 'vitest';
import { ResourceType, type StructInfo, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { CONTROL_BYTES, ControlWord } from '../../src/core/control';
import { encodeParams } from '../../src/core/kernel';
import { MAX_STOP_TOKENS, SAMPLING_WORDS, SamplingWord } from '../../src/core/sampling';
import { linkShader } from '../../src/gpu/shader-sources';
import { KERNELS } from '../../src/kernels';

const kernels = Object.values(KERNELS).map((kernel) => {
  const text = linkShader(kernel);
  // wgsl_reflect 1.6 takes `block` for a keyword, which it is not in WGSL. Delete the replacement once the parse passes without it.
  return { kernel, name: kernel.name, text, reflection: new WgslReflect(text.replace(/\bblock\b/g, 'block_')) };
});

test('there are seventeen kernels, each under its own name', () => {
  expect(kernels.length).toBe(17);
  expect(Object.keys(KERNELS)).toEqual(kernels.map(({ name }) => name));
});

test.each(kernels)('$name: fields of Params', ({ kernel, reflection }) => {
  const params = structNamed(reflection, 'Params');
  expect(params.members.map((member) => [member.name, member.type.name])).toEqual(kernel.params.map(([field, type]) => [field, type]));
  // All fields are four bytes wide and follow one another, as encodeParams writes them.
  expect(params.members.map(({ offset }) => offset)).toEqual(kernel.params.map((_, i) => i * 4));
  const values = Object.fromEntries(kernel.params.map(([field], i) => [field, i + 1]));
  expect(encodeParams(kernel, values).byteLength).toBeGreaterThanOrEqual(params.size);
});

test.each(kernels)('$name: bindings', ({ kernel, reflection }) => {
  const groups = reflection.getBindGroups();
  expect(groups.length).toBe(1);
  expect(groups[0]?.map(({ name, binding, resourceType, access }) => ({ name, binding, resourceType, access }))).toEqual([
    kernel.writesControl
      ? { name: 'control', binding: 0, resourceType: ResourceType.Storage, access: 'read_write' }
      : { name: 'control', binding: 0, resourceType: ResourceType.Uniform, access: 'read' },
    { name: 'params', binding: 1, resourceType: ResourceType.Uniform, access: 'read' },
    ...kernel.bindings.map(({ name, access }, i) => ({ name, binding: i + 2, resourceType: ResourceType.Storage, access })),
  ]);
});

test.each(kernels)('$name: override constants and their defaults', ({ kernel, text, reflection }) => {
  expect(reflection.overrides.map(({ name, type }) => [name, type?.name])).toEqual(Object.keys(kernel.constants).map((name) => [name, 'u32']));
  // wgsl_reflect does not tell defaults, so they are read from the text.
  const defaults = [...text.matchAll(/^override (\w+): u32 = (\d+)u;/gm)].map(([, name, value]) => [name, Number(value)]);
  expect(Object.fromEntries(defaults)).toEqual(kernel.constants);
});

test.each(kernels)('$name: one entry point, main, that looks at the halt flag', ({ text, reflection }) => {
  expect(reflection.entry.compute.map(({ name }) => name)).toEqual(['main']);
  expect(text).toMatch(/control\.halted/);
});

test.each(kernels)('$name: within the storage buffers that WebGPU guarantees', ({ kernel }) => {
  expect(kernel.bindings.length + (kernel.writesControl ? 1 : 0)).toBeLessThanOrEqual(8);
});

test.each(kernels)('$name: Control is the block of src/core/control.ts', ({ reflection }) => {
  const control = structNamed(reflection, 'Control');
  expect(control.size).toBe(CONTROL_BYTES);
  const fields = control.members.filter(({ name }) => !name.startsWith('reserved')).map(({ name, offset, type }) => [camelCase(name), offset / 4, type.name]);
  expect(fields).toEqual(Object.entries(ControlWord).map(([name, word]) => [name, word, 'u32']));
});

test('sample: Sampling is the block of src/core/sampling.ts', () => {
  const sampling = structNamed(new WgslReflect(linkShader(KERNELS['sample']!)), 'Sampling');
  expect(sampling.size).toBe(SAMPLING_WORDS * 4);
  const fields = sampling.members.filter(({ name }) => name !== 'reserved').map(({ name, offset }) => [camelCase(name), offset / 4]);
  expect(fields).toEqual(Object.entries(SamplingWord));
  expect(sampling.members.find(({ name }) => name === 'stop_tokens')?.count).toBe(MAX_STOP_TOKENS);
  const floats = sampling.members.filter(({ type }) => type.name === 'f32').map(({ name }) => camelCase(name));
  expect(floats).toEqual(['temperature', 'topP', 'minP', 'repetitionPenalty']);
});

function structNamed(reflection: WgslReflect, name: string): StructInfo {
  const found = reflection.structs.find((struct) => struct.name === name);
  if (!found) throw new Error(`no struct ${name}`);
  return found;
}

/** token_count → tokenCount, top_p → topP. */
function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
