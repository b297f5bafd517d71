// Random models of any size that are valid files: for engine, kernel and format tests that need another shape than the demo model has.

import type { CodecName } from '../../src/core/packed-weights';
import { Random } from '../../src/core/random';
import { ggmlTypeNamed } from '../../src/formats/ggml-types';
import { BYTE_CHARACTERS } from '../../src/model/byte-level';
import { f32, flag, i32s, text, texts, u32, writeGguf, type WriterFile, type WriterTensor, type WriterValue } from './gguf-bytes';

export * from './gguf-bytes';

export interface TinyModelOptions {
  readonly hidden?: number;
  readonly layers?: number;
  readonly experts?: number;
  readonly topK?: number;
  /** Width of one expert. */
  readonly ffn?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headSize?: number;
  /** At least 256 bytes + merges + special tokens: 264. */
  readonly vocabulary?: number;
  readonly contextLength?: number;
  /** The output head is the embedding. Default true. */
  readonly tied?: boolean;
  readonly seed?: number;
  /** Of the matrices; norms and routers stay f32. Every codec but f32 needs `encode`. */
  readonly codec?: CodecName;
  /** The bytes of a matrix, rows of `columnCount` one after the other. */
  readonly encode?: (values: Float32Array, columnCount: number) => Uint8Array;
}

const MERGES = ['Ġ t', 'h e', 'Ġt he', 'i n'];
const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<think>'];
export const TINY_TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** The bytes of a file. */
export function tinyQwen3Moe(options: TinyModelOptions = {}): Uint8Array {
  return writeGguf(tinyQwen3MoeFile(options));
}

/** The parts of a file, to be changed before they are written. */
export function tinyQwen3MoeFile(options: TinyModelOptions = {}): WriterFile {
  const { hidden = 32, layers = 2, experts = 4, topK = 2, ffn = 32, heads = 2, kvHeads = 1, headSize = 16, vocabulary = 272 } = options;
  const { contextLength = 128, tied = true, seed = 1, codec = 'f32', encode = f32Bytes } = options;
  if (codec !== 'f32' && !options.encode) throw new Error(`tinyQwen3Moe: codec ${codec} needs encode`);
  const random = new Random(seed);
  const typeId = ggmlTypeNamed(codec)?.id ?? 0;
  const values = (count: number, low: number, high: number): Float32Array => Float32Array.from({ length: count }, () => random.float(low, high));
  const tensors: WriterTensor[] = [];
  const norm = (name: string, length: number): void => {
    tensors.push({ name, dimensions: [length], type: 0, data: f32Bytes(values(length, 0.5, 1.5)) });
  };
  /** Spread so that products keep about the size of their input. */
  const matrix = (name: string, columns: number, rows: number, stack?: number): void => {
    const spread = Math.sqrt(3 / columns);
    const data = encode(values(columns * rows * (stack ?? 1), -spread, spread), columns);
    tensors.push({ name, dimensions: stack === undefined ? [columns, rows] : [columns, rows, stack], type: typeId, data });
  };

  matrix('token_embd.weight', hidden, vocabulary);
  norm('output_norm.weight', hidden);
  if (!tied) matrix('output.weight', hidden, vocabulary);
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string): string => `blk.${layer}.${part}.weight`;
    norm(name('attn_norm'), hidden);
    matrix(name('attn_q'), hidden, heads * headSize);
    matrix(name('attn_k'), hidden, kvHeads * headSize);
    matrix(name('attn_v'), hidden, kvHeads * headSize);
    matrix(name('attn_output'), heads * headSize, hidden);
    norm(name('attn_q_norm'), headSize);
    norm(name('attn_k_norm'), headSize);
    norm(name('ffn_norm'), hidden);
    const router = values(hidden * experts, -1, 1);
    tensors.push({ name: name('ffn_gate_inp'), dimensions: [hidden, experts], type: 0, data: f32Bytes(router) });
    matrix(name('ffn_gate_exps'), hidden, ffn, experts);
    matrix(name('ffn_up_exps'), hidden, ffn, experts);
    matrix(name('ffn_down_exps'), ffn, hidden, experts);
  }
  const metadata: Array<readonly [string, WriterValue]> = [
    ['general.architecture', text('qwen3moe')],
    ['general.name', text(`tiny-${seed}`)],
    ['qwen3moe.block_count', u32(layers)],
    ['qwen3moe.context_length', u32(contextLength)],
    ['qwen3moe.embedding_length', u32(hidden)],
    ['qwen3moe.feed_forward_length', u32(ffn * topK)],
    ['qwen3moe.expert_feed_forward_length', u32(ffn)],
    ['qwen3moe.expert_count', u32(experts)],
    ['qwen3moe.expert_used_count', u32(topK)],
    ['qwen3moe.attention.head_count', u32(heads)],
    ['qwen3moe.attention.head_count_kv', u32(kvHeads)],
    ['qwen3moe.attention.key_length', u32(headSize)],
    ['qwen3moe.attention.value_length', u32(headSize)],
    ['qwen3moe.attention.layer_norm_rms_epsilon', f32(1e-6)],
    ['qwen3moe.rope.freq_base', f32(10_000)],
    ...tokenizerMetadata(vocabulary),
  ];
  return { metadata, tensors };
}

/** The 256 bytes, a few merges, filler, and special tokens at the end. */
export function tokenizerMetadata(vocabulary: number): Array<readonly [string, WriterValue]> {
  const merged = MERGES.map((merge) => merge.replace(' ', ''));
  const fillerCount = vocabulary - BYTE_CHARACTERS.length - merged.length - SPECIAL_TOKENS.length;
  if (fillerCount < 0) throw new Error(`tinyQwen3Moe: a vocabulary of ${vocabulary} is too small`);
  const filler = Array.from({ length: fillerCount }, (_, index) => `unused${index}`);
  const ordinary = [...BYTE_CHARACTERS, ...merged, ...filler];
  const first = ordinary.length;
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('qwen2')],
    ['tokenizer.ggml.tokens', texts([...ordinary, ...SPECIAL_TOKENS])],
    ['tokenizer.ggml.token_type', i32s([...ordinary.map(() => 1), 3, 3, 3, 4])],
    ['tokenizer.ggml.merges', texts(MERGES)],
    ['tokenizer.ggml.eos_token_id', u32(first + 2)],
    ['tokenizer.ggml.add_bos_token', flag(false)],
    ['tokenizer.chat_template', text(TINY_TEMPLATE)],
  ];
}

function f32Bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
