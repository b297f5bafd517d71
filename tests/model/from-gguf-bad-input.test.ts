// Files that are well-formed and yet no model that can be run: the code of each error and the name it gives.

import { describe, expect, it } from 'vitest';
import type { EngineErrorCode } from '../../src/core/errors';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import { specFromGguf } from '../../src/model/from-gguf';
import type { ModelSpec } from '../../src/model/spec';
import { createTokenizer, type Tokenizer } from '../../src/model/tokenizer';
import { expectEngineError } from '../support/expect-engine-error';
import { f32, flag, i32s, text, texts, tinyQwen3MoeFile, u32, writeGguf, type WriterFile, type WriterTensor, type WriterValue } from '../support/gguf-writer';

const base = tinyQwen3MoeFile();

/** The tiny model with keys replaced or (undefined) removed. */
function withKeys(keys: Readonly<Record<string, WriterValue | undefined>>): WriterFile {
  const kept = base.metadata.filter(([key]) => !(key in keys));
  const added = Object.entries(keys).flatMap(([key, value]) => (value ? [[key, value] as const] : []));
  return { ...base, metadata: [...kept, ...added] };
}

function withTensor(name: string, change: (tensor: WriterTensor) => readonly WriterTensor[]): WriterFile {
  return { ...base, tensors: base.tensors.flatMap((tensor) => (tensor.name === name ? change(tensor) : [tensor])) };
}

const open = (file: WriterFile): ReturnType<typeof readGguf> => readGguf(new MemorySource(writeGguf(file)));
const spec = async (file: WriterFile): Promise<ModelSpec> => specFromGguf(await open(file));
const tokenizer = async (file: WriterFile): Promise<Tokenizer> => createTokenizer(await open(file));

describe('the tiny model', () => {
  it('is a model as it is, tied or not', async () => {
    expect(await spec(base)).toMatchObject({ hiddenSize: 32, vocabularySize: 272, layers: [{ mixer: { headCount: 2, kvHeadCount: 1, headSize: 16 } }, {}] });
    const untied = await spec(tinyQwen3MoeFile({ tied: false }));
    expect(untied.outputHead.weight.name).toBe('output.weight');
    expect(untied.parameterCount).toBe((await spec(base)).parameterCount + 32 * 272);
  });

  it('has the defaults of absent keys', async () => {
    const absent = ['attention.head_count_kv', 'attention.key_length', 'attention.value_length', 'rope.freq_base', 'expert_feed_forward_length'];
    const file = tinyQwen3MoeFile({ kvHeads: 2 });
    const metadata = file.metadata.filter(([key]) => !absent.includes(key.replace('qwen3moe.', '')) && key !== 'general.name');
    expect(await spec({ ...file, metadata })).toMatchObject({
      name: 'memory',
      rope: { base: 10_000, dimensions: 16 },
      layers: [{ mixer: { headCount: 2, kvHeadCount: 2, headSize: 16 }, ffn: { expertHiddenSize: 32 } }, {}],
    });
  });
});

describe('an architecture that is not known', () => {
  it('is named, with those that are', async () => {
    const action = (): Promise<ModelSpec> => spec(withKeys({ 'general.architecture': text('mamba') }));
    await expectEngineError(action, 'unsupported-architecture', /"mamba".*qwen3moe/);
  });
  it('is refused when it needs what is not there', async () => {
    await expectEngineError(() => spec(withKeys({ 'qwen3moe.rope.scaling.type': text('dynamic') })), 'unsupported-architecture', 'dynamic');
    await expectEngineError(() => spec(withKeys({ 'qwen3moe.attention.value_length': u32(8) })), 'unsupported-architecture', 'value_length');
  });
});

describe('impossible numbers', () => {
  it.each<[string, WriterValue | undefined]>([
    ['general.architecture', undefined],
    ['qwen3moe.block_count', undefined],
    ['qwen3moe.block_count', u32(0)],
    ['qwen3moe.block_count', u32(100_000)],
    ['qwen3moe.block_count', text('2')],
    ['qwen3moe.embedding_length', u32(0)],
    ['qwen3moe.context_length', u32(0)],
    ['qwen3moe.expert_count', u32(0)],
    ['qwen3moe.expert_count', u32(513)],
    ['qwen3moe.expert_used_count', u32(0)],
    ['qwen3moe.expert_used_count', u32(5)],
    ['qwen3moe.attention.head_count', u32(0)],
    ['qwen3moe.attention.head_count_kv', u32(3)],
    ['qwen3moe.attention.key_length', u32(15)],
    ['qwen3moe.attention.key_length', u32(100_000)],
    ['qwen3moe.rope.dimension_count', u32(17)],
    ['qwen3moe.rope.freq_base', f32(0)],
    ['qwen3moe.rope.freq_base', f32(Number.POSITIVE_INFINITY)],
    ['qwen3moe.attention.layer_norm_rms_epsilon', f32(Number.NaN)],
    ['qwen3moe.attention.layer_norm_rms_epsilon', undefined],
  ])('%s = %o', (key, value) => expectEngineError(() => spec(withKeys({ [key]: value })), 'file-corrupt', key));
});

describe('tensors', () => {
  const names = ['token_embd.weight', 'output_norm.weight', 'blk.1.attn_q_norm.weight', 'blk.0.ffn_gate_inp.weight', 'blk.1.ffn_down_exps.weight'];
  it.each(names)('%s is missed', (name) => expectEngineError(() => spec(withTensor(name, () => [])), 'tensor-missing', name));

  it.each(names)('%s of other dimensions is refused', async (name) => {
    const change = (tensor: WriterTensor): WriterTensor[] => [
      { ...tensor, dimensions: [...tensor.dimensions.slice(0, -1), Number(tensor.dimensions.at(-1)) / 2] },
    ];
    await expectEngineError(() => spec(withTensor(name, change)), 'tensor-mismatch', name);
  });

  it('says what was expected and what is there', async () => {
    const change = (tensor: WriterTensor): WriterTensor[] => [{ ...tensor, dimensions: [16, 64, 4] }];
    await expectEngineError(() => spec(withTensor('blk.0.ffn_up_exps.weight', change)), 'tensor-mismatch', /32 × 32 × 4.*16 × 64 × 4/);
  });

  it('in a format without decoder is refused when it is needed', async () => {
    const change = (tensor: WriterTensor): WriterTensor[] => [{ ...tensor, type: 9 }];
    await expectEngineError(() => spec(withTensor('blk.0.attn_q.weight', change)), 'unsupported-tensor-type', /blk\.0\.attn_q\.weight.*q8_1/);
  });

  it('that nobody asked for is refused', async () => {
    const change = (tensor: WriterTensor): WriterTensor[] => [tensor, { name: 'blk.0.attn_rot_embd', dimensions: [32], type: 0, data: new Uint8Array(128) }];
    await expectEngineError(() => spec(withTensor('blk.0.attn_q.weight', change)), 'tensor-mismatch', 'blk.0.attn_rot_embd');
  });
});

describe('a tokenizer', () => {
  const list = (key: string): string[] => {
    const value = base.metadata.find(([name]) => name === key)?.[1];
    return value?.type === 'array' ? value.items.map(String) : [];
  };
  const tokens = list('tokenizer.ggml.tokens');

  it('of the tiny model works', async () => {
    const tiny = await tokenizer(base);
    expect(tiny.encode('in the')).toEqual([259, 258]);
    expect(tiny.encode('<think><|im_end|>', { special: true })).toEqual([271, 270]);
    expect(tiny.encode('<think>')).toEqual([271]);
    expect(tiny.stopTokenIds).toEqual([268, 270]);
  });

  it.each<[string, Record<string, WriterValue | undefined>, EngineErrorCode, string]>([
    ['of another kind', { 'tokenizer.ggml.model': text('bert') }, 'unsupported-tokenizer', 'bert'],
    ['with other rules', { 'tokenizer.ggml.pre': text('gpt-5') }, 'unsupported-tokenizer', 'gpt-5'],
    ['without a kind', { 'tokenizer.ggml.model': undefined }, 'file-corrupt', 'tokenizer.ggml.model'],
    ['without tokens', { 'tokenizer.ggml.tokens': undefined }, 'file-corrupt', 'tokenizer.ggml.tokens'],
    ['with no token', { 'tokenizer.ggml.tokens': texts([]) }, 'file-corrupt', 'tokenizer.ggml.tokens'],
    ['with types for other tokens', { 'tokenizer.ggml.token_type': i32s([1]) }, 'file-corrupt', 'tokenizer.ggml.token_type'],
    ['without a byte', { 'tokenizer.ggml.tokens': texts(['', ...tokens.slice(1)]) }, 'file-corrupt', 'byte 0'],
    ['with a merge of one', { 'tokenizer.ggml.merges': texts(['ab']) }, 'file-corrupt', 'tokenizer.ggml.merges'],
    ['with a merge into nothing', { 'tokenizer.ggml.merges': texts(['q z']) }, 'file-corrupt', 'tokenizer.ggml.merges'],
    ['with an eos that is no token', { 'tokenizer.ggml.eos_token_id': u32(272) }, 'file-corrupt', 'tokenizer.ggml.eos_token_id'],
    ['with a bos that is not there', { 'tokenizer.ggml.add_bos_token': flag(true) }, 'file-corrupt', 'tokenizer.ggml.bos_token_id'],
  ])('%s is refused', (_name, keys, code, message) => expectEngineError(() => tokenizer(withKeys(keys)), code, message));

  it('may have a token named like a property of every object', async () => {
    const renamed = [...tokens];
    renamed[260] = '__proto__';
    const strange = await tokenizer(withKeys({ 'tokenizer.ggml.tokens': texts(renamed) }));
    expect(strange.tokenText(260)).toBe('__proto__');
    expect(strange.decode(strange.encode('__proto__ constructor'))).toBe('__proto__ constructor');
  });
});
