// A small random model as data: which keys its file has, which tensors of what shape, and how their values are drawn. The bytes are a function of the case and
// its seed alone, so that llama.cpp (which made the golden files) and the engines (which are held to them, in Node and in the browser) read the very same file.

import { Random } from '../../../src/core/random';
import { ggmlTypeNamed } from '../../../src/formats/ggml-types';
import { f32, flag, text, tokenizerMetadata, u32, type WriterFile, type WriterTensor, type WriterValue } from '../gguf-writer';
import { randomMatrix } from './random-blocks';

export type Keys = Readonly<Record<string, WriterValue>>;

/** A tensor whose values are drawn uniformly from [low, high). */
export interface TensorPlan {
  readonly name: string;
  /** As the file has them: columns (contiguous) first. */
  readonly dimensions: readonly number[];
  readonly low: number;
  readonly high: number;
}

export interface ArchitectureCase {
  /** Also the name of its golden file. */
  readonly name: string;
  readonly architecture: string;
  /** The published model whose keys, names and ratios it has, and what is particular to the case. */
  readonly imitates: string;
  readonly metadata: ReadonlyArray<readonly [key: string, value: WriterValue]>;
  readonly tensors: readonly TensorPlan[];
  /** Keys that llama.cpp needs at this size and published files do not have (their layer count tells it). They are not part of the file. */
  readonly onlyForLlamaCpp?: ReadonlyArray<readonly [key: string, value: WriterValue]>;
  /** How matrices are stored: the first whose part is in the tensor's name. f32 without. Norms, biases, routers and convolutions are f32 always, as quantisers leave them. */
  readonly formats?: ReadonlyArray<readonly [part: string, type: string]>;
}

export const VOCABULARY_SIZE = 288;
export const PROMPT_TOKEN_COUNT = 40;
export const GREEDY_TOKEN_COUNT = 12;
/** Tokens of the run: RoPE factors that depend on the allocated context are chosen for this. */
export const CONTEXT_LENGTH = 256;
/** From here on the vocabulary has special tokens, which are neither in the prompt nor among the recorded answers. */
export const FIRST_SPECIAL_TOKEN = VOCABULARY_SIZE - 4;

/** Keys without a dot before them get the architecture's prefix, as converters write them. */
export function prefixed(architecture: string, keys: Keys): Array<readonly [string, WriterValue]> {
  return Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value] as const);
}

export function architectureCase(
  name: string,
  architecture: string,
  imitates: string,
  keys: Keys,
  tensors: ReadonlyArray<TensorPlan | readonly TensorPlan[]>,
  onlyForLlamaCpp?: Keys,
): ArchitectureCase {
  const metadata: ArchitectureCase['metadata'] = [
    ['general.architecture', text(architecture)],
    ['general.name', text(name)],
    ...prefixed(architecture, { context_length: u32(CONTEXT_LENGTH), vocab_size: u32(VOCABULARY_SIZE), ...keys }),
    ...tokenizerMetadata(VOCABULARY_SIZE),
  ];
  const plans = tensors.flat();
  return { name, architecture, imitates, metadata, tensors: plans, ...(onlyForLlamaCpp ? { onlyForLlamaCpp: prefixed(architecture, onlyForLlamaCpp) } : {}) };
}

export function caseFile(made: ArchitectureCase, seed: number): WriterFile {
  const random = new Random(seed);
  const tensors = made.tensors.map((plan): WriterTensor => {
    const type = storedAs(made, plan);
    const known = ggmlTypeNamed(type);
    if (!known) throw new Error(`${made.name}: no ggml type is called ${type}`);
    const count = plan.dimensions.reduce((product, dimension) => product * dimension, 1);
    const data = type === 'f32' ? uniform(count, plan, random) : randomMatrix(type, count, (plan.high - plan.low) / Math.sqrt(12), random);
    return { name: plan.name, dimensions: plan.dimensions, type: known.id, data };
  });
  return { metadata: made.metadata, tensors };
}

function storedAs({ formats = [] }: ArchitectureCase, { name, dimensions }: TensorPlan): string {
  const isMatrix = dimensions.length > 1 && name.endsWith('.weight') && !name.includes('ffn_gate_inp') && !name.includes('shortconv.conv');
  return (isMatrix && formats.find(([part]) => name.includes(part))?.[1]) || 'f32';
}

function uniform(count: number, { low, high }: TensorPlan, random: Random): Uint8Array {
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) values[index] = random.float(low, high);
  return new Uint8Array(values.buffer);
}

/** The same for every case. */
export function promptTokens(): number[] {
  const random = new Random(40);
  return Array.from({ length: PROMPT_TOKEN_COUNT }, () => random.integer(0, FIRST_SPECIAL_TOKEN - 1));
}

/** Short forms, for the lists of keys. */
export const int = u32;
export const real = f32;
export const bool = flag;
export const string = text;
