// Runs one call of one kernel on the CPU backend and on WebGPU and holds the two against each other.
//
// Every binding is a slice with 256 bytes of a guard pattern on either side. The slices of read bindings lie in one buffer, those of read-write bindings in
// another, and both come back whole: guards and inputs must be unchanged on both backends. Outputs start as a poison pattern (a NaN with a payload), so an
// element that the reference leaves alone must be left alone by the kernel, and one that is read before it is written spoils the result. Each call runs
// first with the halt flag up, when nothing at all may change, then without it.

import { afterAll, test } from 'vitest';
import { assert, defined } from '../../src/core/assert';
import type { Backend, Binding, DeviceBuffer } from '../../src/core/backend';
import { CONTROL_BYTES, CONTROL_WORDS, ControlWord, HaltReason } from '../../src/core/control';
import { type Kernel, variantName } from '../../src/core/kernel';
import { Random, hash32 } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { WebGpuBackend } from '../../src/gpu/webgpu-backend';
import { KERNELS } from '../../src/kernels';
import { REFERENCES } from '../../src/reference';
import { CpuBackend } from '../../src/reference/cpu-backend';
import { requestTestDevice } from './gpu';
import type { Tolerance } from './tolerance';

const GUARD_BYTES = 256;
const GUARD_WORD = 0xa5c3f00d;
const POISON_WORD = 0xffc0dead;
/** What the unused words of the control block hold; nobody may touch them. */
const RESERVED_WORD = 0x5eed0bad;
const LISTED_MISMATCHES = 10;

type Words = Float32Array | Uint32Array | Uint8Array;

export interface OutputBuffer {
  /** What the buffer holds before the call: `poison(…)`, or real data where the kernel adds to it. */
  readonly data: Float32Array | Uint32Array;
  readonly tolerance: Tolerance;
  /** For buffers of mixed words: which of them are floats, to be compared with the tolerance. Default: all of a Float32Array, none of a Uint32Array. */
  readonly isFloat?: (wordIndex: number) => boolean;
  /** For messages: sizes of the dimensions, outermost first. */
  readonly shape?: readonly number[];
}

/** Room that a kernel works in: what it leaves there is its own affair, but for the guards around it. */
export interface ScratchBuffer {
  readonly data: Float32Array | Uint32Array;
  readonly isScratch: true;
}

export interface KernelCase {
  readonly params: Readonly<Record<string, number>>;
  readonly control?: Readonly<Partial<Record<keyof typeof ControlWord, number>>>;
  /** Inputs as plain arrays, read-write bindings as outputs or scratch. */
  readonly buffers: Readonly<Record<string, Words | OutputBuffer | ScratchBuffer>>;
}

export interface KernelOutcome {
  readonly control: Uint32Array;
  f32(binding: string): Float32Array;
  u32(binding: string): Uint32Array;
}

export interface KernelOutcomes {
  readonly cpu: KernelOutcome;
  readonly gpu: KernelOutcome;
}

/** Float32Array of the poison pattern. */
export function poison(length: number): Float32Array<ArrayBuffer> {
  return new Float32Array(poisonWords(length).buffer);
}

export function poisonWords(length: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(length).fill(POISON_WORD);
}

export function randomFloats(random: Random, length: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, () => random.float(low, high));
}

/** [row, stride] random rows whose columns from `columnCount` on are zero, as activations are stored. */
export function randomRows(random: Random, rowCount: number, columnCount: number, stride = roundUp(columnCount, 32), size = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rowCount * stride }, (_, i) => (i % stride < columnCount ? random.float(-size, size) : 0));
}

let opening: Promise<Backend | undefined> | undefined;
const cpuBackend = new CpuBackend(KERNELS, REFERENCES);

/** The WebGPU backend of this test file, made on first use; undefined where there is no adapter. */
export function webGpuBackend(): Promise<Backend | undefined> {
  opening ??= requestTestDevice().then((found) => found && new WebGpuBackend({ device: found.device, adapterName: found.name, isSoftware: true }, KERNELS));
  return opening;
}

afterAll(async () => {
  await (await opening)?.dispose();
});

/** Registers a test of one case. `build` gets numbers seeded by the title; `check` may look closer at what came out. */
export function testKernel(
  kernel: Kernel,
  constants: Readonly<Record<string, number>>,
  title: string,
  build: (random: Random) => KernelCase,
  check: (outcomes: KernelOutcomes) => void = () => {},
): void {
  const name = `${variantName(kernel, constants)} ${title}`;
  test(name, async (context) => {
    const gpu = await webGpuBackend();
    if (!gpu) return void context.skip('no WebGPU adapter');
    const seed = [...name].reduce((hash, letter) => hash32(hash, letter.codePointAt(0)!), 0);
    check(await checkKernel(gpu, kernel, constants, build(new Random(seed)), `${name}, seed ${seed}`));
  });
}

/** Runs the case on both backends, throws what differs, and gives what came out. */
export async function checkKernel(
  gpuBackend: Backend,
  kernel: Kernel,
  constants: Readonly<Record<string, number>>,
  kernelCase: KernelCase,
  label: string,
): Promise<KernelOutcomes> {
  const images = layOut(kernel, kernelCase);
  const cpu = await runOn(cpuBackend, kernel, constants, kernelCase, images, label);
  const gpu = await runOn(gpuBackend, kernel, constants, kernelCase, images, label);
  const problems: string[] = [];
  let writtenCount = 0;
  for (const [name, place] of images.places) {
    const buffer = defined(kernelCase.buffers[name]);
    if (isInput(buffer) || 'isScratch' in buffer) continue;
    const before = wordsAt(images.readWrite, place);
    const cpuWords = wordsAt(cpu.readWrite, place);
    writtenCount += cpuWords.filter((word, i) => word !== before[i]).length;
    problems.push(...compare(name, buffer, before, cpuWords, wordsAt(gpu.readWrite, place)));
  }
  if (writtenCount === 0) problems.push('the reference wrote nothing: the case tests nothing');
  const controlDifference = firstDifference(cpu.control, gpu.control);
  if (controlDifference >= 0) problems.push(`control[${controlDifference}]: gpu ${gpu.control[controlDifference]}, cpu ${cpu.control[controlDifference]}`);
  if (problems.length > 0) throw new Error([label, gpuBackend.adapterName, ...problems].join('\n'));
  return { cpu: outcomeOf(images, cpu), gpu: outcomeOf(images, gpu) };
}

interface Place {
  readonly isReadWrite: boolean;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** The two buffers of a case as bytes, and where each binding lies in them. */
interface Images {
  readonly places: ReadonlyMap<string, Place>;
  readonly read: Uint32Array<ArrayBuffer>;
  readonly readWrite: Uint32Array<ArrayBuffer>;
}

interface RunResult {
  readonly readWrite: Uint32Array<ArrayBuffer>;
  readonly control: Uint32Array<ArrayBuffer>;
}

function isInput(buffer: Words | OutputBuffer | ScratchBuffer): buffer is Words {
  return ArrayBuffer.isView(buffer);
}

function layOut(kernel: Kernel, { buffers }: KernelCase): Images {
  const places = new Map<string, Place>();
  const ends = { read: GUARD_BYTES, read_write: GUARD_BYTES };
  for (const { name, access, optional } of kernel.bindings) {
    if (optional && !(name in buffers)) continue;
    const buffer = defined(buffers[name], `${kernel.name} buffer ${name}`);
    assert(isInput(buffer) === (access === 'read'), `${name} is ${access}`);
    const sizeBytes = (isInput(buffer) ? buffer : buffer.data).byteLength;
    places.set(name, { isReadWrite: access === 'read_write', offsetBytes: ends[access], sizeBytes });
    ends[access] = roundUp(ends[access] + sizeBytes + GUARD_BYTES, GUARD_BYTES);
  }
  const read = new Uint32Array(ends.read / 4).fill(GUARD_WORD);
  const readWrite = new Uint32Array(ends.read_write / 4).fill(GUARD_WORD);
  for (const [name, { isReadWrite, offsetBytes }] of places) {
    const buffer = defined(buffers[name]);
    const data = isInput(buffer) ? buffer : buffer.data;
    new Uint8Array((isReadWrite ? readWrite : read).buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offsetBytes);
  }
  return { places, read, readWrite };
}

async function runOn(
  backend: Backend,
  kernel: Kernel,
  constants: Readonly<Record<string, number>>,
  kernelCase: KernelCase,
  images: Images,
  label: string,
): Promise<RunResult> {
  const tokenCount = kernelCase.control?.tokenCount ?? 1;
  const startControl = new Uint32Array(CONTROL_WORDS).fill(RESERVED_WORD);
  for (const [name, word] of Object.entries(ControlWord))
    startControl[word] = kernelCase.control?.[name as keyof typeof ControlWord] ?? (name === 'tokenCount' ? 1 : 0);
  const halted = startControl.slice();
  halted[ControlWord.halted] = tokenCount % 2 === 1 ? HaltReason.missingExpert : HaltReason.stopToken;

  const made = [
    backend.createBuffer('control', CONTROL_BYTES),
    backend.createBuffer('read', images.read.byteLength),
    backend.createBuffer('read-write', images.readWrite.byteLength),
  ] as const;
  const [control, read, readWrite] = made;
  try {
    backend.write(read, 0, images.read);
    backend.write(readWrite, 0, images.readWrite);
    const buffers = Object.fromEntries(
      [...images.places].map(([name, place]): [string, Binding] => [name, { ...place, buffer: place.isReadWrite ? readWrite : read }]),
    );
    const program = await backend.compile(label, control, [{ operation: kernel.name, constants, params: kernelCase.params, buffers }]);
    const submit = async (words: Uint32Array): Promise<RunResult> => {
      backend.write(control, 0, words);
      backend.submit([{ program, size: { tokenCount } }]);
      return { readWrite: await readWords(backend, readWrite), control: await readWords(backend, control) };
    };

    const afterHalt = await submit(halted);
    assertUnchanged(halted, afterHalt.control, `${label}: control was written under a halt on ${backend.adapterName}`);
    assertUnchanged(images.readWrite, afterHalt.readWrite, `${label}: memory was written under a halt on ${backend.adapterName}`);

    const result = await submit(startControl);
    assertUnchanged(images.read, await readWords(backend, read), `${label}: an input was written on ${backend.adapterName}`);
    assertUnchanged(
      withoutOutputs(images, images.readWrite),
      withoutOutputs(images, result.readWrite),
      `${label}: a guard was overwritten on ${backend.adapterName}`,
    );
    if (!kernel.writesControl) assertUnchanged(startControl, result.control, `${label}: control was written on ${backend.adapterName}`);
    return result;
  } finally {
    for (const buffer of made) buffer.destroy();
  }
}

async function readWords(backend: Backend, buffer: DeviceBuffer): Promise<Uint32Array<ArrayBuffer>> {
  return new Uint32Array(await backend.read(buffer, 0, buffer.sizeBytes));
}

function withoutOutputs({ places }: Images, words: Uint32Array): Uint32Array {
  const rest = words.slice();
  for (const place of places.values()) if (place.isReadWrite) wordsAt(rest, place).fill(0);
  return rest;
}

function wordsAt(words: Uint32Array, { offsetBytes, sizeBytes }: Place): Uint32Array {
  return words.subarray(offsetBytes / 4, (offsetBytes + sizeBytes) / 4);
}

function assertUnchanged(before: Uint32Array, after: Uint32Array, message: string): void {
  const at = firstDifference(before, after);
  if (at >= 0) throw new Error(`${message}: word ${at} of ${before.length} was ${hex(before[at]!)}, is ${hex(after[at]!)}`);
}

function firstDifference(a: Uint32Array, b: Uint32Array): number {
  return a.findIndex((word, i) => word !== b[i]);
}

function outcomeOf({ places }: Images, { readWrite, control }: RunResult): KernelOutcome {
  const u32 = (binding: string): Uint32Array => wordsAt(readWrite, defined(places.get(binding), binding));
  return {
    control,
    u32,
    f32: (binding) => {
      const words = u32(binding);
      return new Float32Array(words.buffer, words.byteOffset, words.length);
    },
  };
}

/** What is wrong with one output: at most a summary and the first ten places. */
function compare(name: string, output: OutputBuffer, before: Uint32Array, cpu: Uint32Array, gpu: Uint32Array): string[] {
  const { tolerance, shape, isFloat = () => output.data instanceof Float32Array } = output;
  const cpuFloats = new Float32Array(cpu.buffer, cpu.byteOffset, cpu.length);
  const gpuFloats = new Float32Array(gpu.buffer, gpu.byteOffset, gpu.length);
  const lines: string[] = [];
  let mismatchCount = 0;
  let squaredErrors = 0;
  let squares = 0;
  cpu.forEach((cpuWord, i) => {
    const isUntouched = cpuWord === before[i] && cpuWord === POISON_WORD;
    let problem: string | undefined;
    if (isUntouched || !isFloat(i)) {
      if (gpu[i] !== cpuWord) problem = `gpu ${hex(gpu[i]!)}, cpu ${hex(cpuWord)}${isUntouched ? ' (must stay as it was)' : ''}`;
    } else {
      const error = Math.abs(gpuFloats[i]! - cpuFloats[i]!);
      const allowed = tolerance.abs + tolerance.rel * Math.abs(cpuFloats[i]!);
      squaredErrors += error ** 2;
      squares += cpuFloats[i]! ** 2;
      // Written so that a NaN on either side is a mismatch.
      if (!(error <= allowed)) problem = `gpu ${gpuFloats[i]}, cpu ${cpuFloats[i]}, off by ${error.toExponential(2)}, allowed ${allowed.toExponential(2)}`;
    }
    if (problem && mismatchCount++ < LISTED_MISMATCHES) lines.push(`  ${name}[${coordinates(i, shape)}]: ${problem}`);
  });
  if (mismatchCount > 0) lines.unshift(`${name}: ${mismatchCount} of ${cpu.length} elements differ`);
  const nmse = squares > 0 ? squaredErrors / squares : 0;
  if (mismatchCount === 0 && nmse > tolerance.nmse) lines.push(`${name}: NMSE ${nmse.toExponential(2)}, allowed ${tolerance.nmse.toExponential(2)}`);
  return lines;
}

/** 5 in a shape [2, 3] is "1, 2". */
function coordinates(index: number, shape: readonly number[] = []): string {
  const result: number[] = [];
  let rest = index;
  for (const size of shape.slice(1).reverse()) {
    result.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return [rest, ...result].join(', ');
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
