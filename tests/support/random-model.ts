// Small random models of many shapes, and prompts for them. Each mixes codecs, as real files do.

import { ggmlTypeNamed } from '../../src/formats/ggml-types';
import type { CodecName } from '../../src/core/packed-weights';
import { Random } from '../../src/core/random';
import { MemorySource } from '../../src/formats/memory-source';
import type { Source } from '../../src/formats/source';
import { encodeGguf } from './gguf-quantize';
import { tinyQwen3MoeFile, u32, writeGguf, type WriterTensor } from './gguf-writer';

/** Matrices by the name that they have in the file. */
type MatrixName = 'token_embd' | 'output' | 'attn_q' | 'attn_k' | 'attn_v' | 'attn_output' | 'ffn_gate_exps' | 'ffn_up_exps' | 'ffn_down_exps';

export interface RandomModel {
  readonly seed: number;
  readonly layers: number;
  readonly experts: number;
  readonly topK: number;
  readonly hidden: number;
  /** Width of one expert. */
  readonly ffn: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Default RANDOM_MODEL_CONTEXT. */
  readonly contextLength?: number;
  /** `rest` is what is not named. The output head is the embedding unless it is named. */
  readonly codecs: Readonly<Partial<Record<MatrixName, CodecName>>> & { readonly rest: CodecName };
}

export const RANDOM_MODEL_CONTEXT = 192;
const VOCABULARY = 272;
const EOS_KEY = 'tokenizer.ggml.eos_token_id';

/** Few models, since every variant of a kernel is compiled, and yet all codecs, one expert and many, one and more key heads, sizes that fill no block. */
export const RANDOM_MODELS: readonly RandomModel[] = [
  {
    ...{ seed: 1, layers: 2, experts: 1, topK: 1, hidden: 160, ffn: 64, heads: 2, kvHeads: 1, headSize: 16 },
    codecs: { rest: 'q8_0', attn_q: 'f16', attn_k: 'bf16', attn_v: 'q4_0', attn_output: 'f32', ffn_gate_exps: 'q4_0', ffn_up_exps: 'f16' },
  },
  {
    ...{ seed: 2, layers: 2, experts: 7, topK: 4, hidden: 100, ffn: 44, heads: 3, kvHeads: 1, headSize: 12 },
    codecs: { rest: 'f32', output: 'bf16', attn_k: 'f16', attn_output: 'f16', ffn_gate_exps: 'bf16', ffn_down_exps: 'f16' },
  },
  {
    ...{ seed: 3, layers: 2, experts: 64, topK: 8, hidden: 96, ffn: 32, heads: 4, kvHeads: 4, headSize: 16 },
    codecs: { rest: 'q4_0', token_embd: 'f16', attn_v: 'q8_0', ffn_gate_exps: 'q8_0', ffn_up_exps: 'bf16' },
  },
];

/** Where nothing is compiled: each codec by itself, and the other counts. */
export const MORE_RANDOM_MODELS: readonly RandomModel[] = [
  { seed: 4, layers: 2, experts: 64, topK: 1, hidden: 96, ffn: 32, heads: 2, kvHeads: 1, headSize: 16, codecs: { rest: 'f16' } },
  { seed: 5, layers: 3, experts: 7, topK: 1, hidden: 96, ffn: 32, heads: 6, kvHeads: 2, headSize: 8, codecs: { rest: 'bf16' } },
  { seed: 6, layers: 2, experts: 64, topK: 4, hidden: 160, ffn: 32, heads: 2, kvHeads: 1, headSize: 32, codecs: { rest: 'q4_0' } },
  { seed: 7, layers: 2, experts: 8, topK: 8, hidden: 96, ffn: 64, heads: 2, kvHeads: 2, headSize: 16, codecs: { rest: 'q8_0', output: 'f32' } },
];

/** As many experts, as wide a model and as long a prompt as there may be. */
export const WIDE_MODELS: readonly TriedModel[] = [
  {
    ...{ seed: 11, layers: 2, experts: 512, topK: 16, hidden: 96, ffn: 32, heads: 2, kvHeads: 1, headSize: 16 },
    codecs: { rest: 'q8_0' },
    contextLength: 1024,
    promptLengths: [1, 1000],
  },
  {
    ...{ seed: 12, layers: 1, experts: 8, topK: 3, hidden: 2048, ffn: 96, heads: 16, kvHeads: 2, headSize: 128 },
    codecs: { rest: 'q8_0' },
    promptLengths: [1, 70],
  },
  {
    ...{ seed: 13, layers: 1, experts: 64, topK: 11, hidden: 2048, ffn: 32, heads: 8, kvHeads: 8, headSize: 128 },
    codecs: { rest: 'q4_0' },
    promptLengths: [1, 65],
  },
  {
    ...{ seed: 14, layers: 2, experts: 7, topK: 5, hidden: 160, ffn: 64, heads: 4, kvHeads: 4, headSize: 32 },
    codecs: { rest: 'q8_0' },
    contextLength: 1024,
    promptLengths: [1000],
  },
  {
    ...{ seed: 15, layers: 2, experts: 64, topK: 13, hidden: 96, ffn: 32, heads: 4, kvHeads: 1, headSize: 16 },
    codecs: { rest: 'f16' },
    contextLength: 1024,
    promptLengths: [999],
  },
];

/** A model, and the lengths of the prompts that it is tried with. */
export interface TriedModel extends RandomModel {
  readonly promptLengths: readonly number[];
}

const SWEEP_SHAPES = [
  { hidden: 96, ffn: 32, heads: 4, kvHeads: 1, headSize: 16 },
  { hidden: 160, ffn: 64, heads: 4, kvHeads: 4, headSize: 32 },
  { hidden: 96, ffn: 96, heads: 8, kvHeads: 2, headSize: 8 },
  { hidden: 64, ffn: 32, heads: 2, kvHeads: 2, headSize: 64 },
] as const;
const SWEEP_CODECS: readonly CodecName[] = ['q8_0', 'q4_0', 'f16', 'f32', 'q5_1'];
const SWEEP_LENGTHS: readonly number[] = [2, 17, 64, 130, 300];

/** Every number of selected experts from 1 to 16 (as far as there are so many) of 1, 7, 64 and 512; the other sizes take turns. */
export const SWEEP_MODELS: readonly TriedModel[] = [1, 7, 64, 512].flatMap((experts) =>
  Array.from({ length: Math.min(16, experts) }, (_, index) => {
    const topK = index + 1;
    const turn = experts + topK;
    return {
      ...{ seed: 1000 * experts + topK, layers: 2, experts, topK },
      ...SWEEP_SHAPES[turn % SWEEP_SHAPES.length]!,
      codecs: { rest: SWEEP_CODECS[turn % SWEEP_CODECS.length]! },
      contextLength: 512,
      promptLengths: [1, SWEEP_LENGTHS[turn % SWEEP_LENGTHS.length]!],
    };
  }),
);

export function titleOf({ layers, experts, topK, hidden, ffn, heads, kvHeads, headSize, codecs }: RandomModel): string {
  const codecNames = [...new Set(Object.values(codecs))].join(' ');
  return `${layers} layers of ${experts} experts of ${ffn}, top ${topK}, hidden ${hidden}, ${heads}/${kvHeads} heads of ${headSize}, ${codecNames}`;
}

/** `eosToken`: instead of the special token that ends a turn. */
export function randomModelSource(model: RandomModel, eosToken?: number): Source {
  const file = tinyQwen3MoeFile({
    ...model,
    vocabulary: VOCABULARY,
    contextLength: model.contextLength ?? RANDOM_MODEL_CONTEXT,
    tied: model.codecs.output === undefined,
  });
  const metadata = file.metadata.map(([key, value]) => [key, key === EOS_KEY && eosToken !== undefined ? u32(eosToken) : value] as const);
  return new MemorySource(writeGguf({ ...file, metadata, tensors: file.tensors.map((tensor) => recode(tensor, model)) }), titleOf(model));
}

/** A matrix in its codec; vectors and routers stay f32. */
function recode(tensor: WriterTensor, { codecs }: RandomModel): WriterTensor {
  const name = tensor.name.split('.').at(-2) as MatrixName | 'ffn_gate_inp';
  if (tensor.dimensions.length === 1 || name === 'ffn_gate_inp') return tensor;
  const codec = codecs[name] ?? codecs.rest;
  const type = ggmlTypeNamed(codec);
  if (!type) throw new Error(`no type ${codec}`);
  const { buffer, byteOffset, byteLength } = tensor.data;
  const values = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return { ...tensor, type: type.id, data: encodeGguf(codec)(values, Number(tensor.dimensions[0])) };
}

/** Ordinary tokens only: no special ones. */
export function randomPrompt(seed: number, length: number): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => random.integer(0, 255));
}
