// What llama.cpp computes, read from its source at release v0.5.0 (src/llama-graph.cpp, src/models/*.cpp, ggml-cpu) and confirmed by the golden files where a
// case is named. It is the independent truth of the golden tests: where it differs from the authors' own code, that is said, and llama.cpp's number is tested.
//
// Notation: d hidden, T tokens, rms(x, g) = x / sqrt(mean(x²) + eps) · g, with eps = `attention.layer_norm_rms_epsilon` for every norm of a file, per-head and
// latent norms included. ggml dimensions are [columns, rows, stack], fastest first: y[row] = Σ_column w[row, column] · x[column]. `{}` is the layer.

/** Holds for every architecture unless its own entry says otherwise. */
const COMMON_FACTS = {
  recording: [
    'golden numbers are made with f32 weights, an f32 key and value cache, no flash attention, one batch for the prompt: they carry f32 rounding only',
    'measured: the prompt in other batches moves log-probabilities by at most 0.00003; an f16 cache by 0.001 to 0.03, more than the 0.01 that is allowed',
    'block formats: the f32 expansion of the same blocks by ggml; scales are f16 and often subnormal (q6_k, q4_k, q5_k, iq4_xs: as in published files), so a',
    'reader that flushes subnormal halves to zero loses whole blocks',
  ],
  block: [
    'x = token_embd[token] (times `embedding_scale` when that key is there and not 0)',
    'a = x + attention(rms(x, blk.{}.attn_norm)); x = a + ffn(rms(a, blk.{}.ffn_norm)); after the last layer rms(x, output_norm), then output.weight',
    'no output.weight: the head is token_embd.weight (olmoe, qwen2moe, gpt-oss, phimoe, bailingmoe2 refuse a file without one)',
    'biases blk.{}.attn_{q,k,v}.bias are optional in every architecture with attn_q/k/v and added before head norms and RoPE',
    'blk.{}.attn_qkv.weight may replace attn_q, attn_k, attn_v in every architecture but deepseek2: rows are all of q, then k, then v; attn_qkv.bias alike',
  ],
  attention: [
    'head size = `attention.key_length`, else d / head_count; values `attention.value_length`, else d / head_count; kv heads = head_count_kv, else head_count',
    'query head h reads kv head floor(h · kvHeads / heads); scores are q·k / sqrt(head size) unless said; softmax over the causal positions',
    'sliding window w: position j is seen from i when i − j < w (w positions with itself)',
  ],
  rope: [
    'angle of pair p (0 ≤ p < n/2, n = `rope.dimension_count`, else head size): position · base^(−2p/n) / factor_p; base = `rope.freq_base`, else 10000',
    'norm: pairs (2p, 2p+1). neox: pairs (p, p + n/2). Channels from n on are copied unchanged (partial RoPE), in both kinds the first n are rotated',
    'factor_p: rope_freqs.weight [n/2] (Llama 3; read in llama, granitemoe, deepseek) if the file has it, else 1. One tensor of the file, not one per layer',
    'linear scaling: angle · 1 / `rope.scaling.factor` (older key `rope.scale_linear`); `rope.scaling.type` absent means linear, and no factor means 1',
    'scaling type "none": the factor is ignored',
    'yarn (`rope.scaling.type` = "yarn", factor f, `rope.scaling.original_context_length` L, else context_length):',
    '  corr(r) = n · ln(L / (r · 2π)) / (2 ln base); low = max(0, floor(corr(32))); high = min(n − 1, ceil(corr(1)))',
    '  ramp(p) = 1 − clamp((p − low) / max(0.001, high − low), 0, 1); angle = (angle/f)·(1 − ramp) + angle·ramp',
    '  cos and sin of both q and k are multiplied by 1 + 0.1 ln f (the length is not divided out: scores grow by its square); deepseek2 differs, see there',
    '  `yarn_beta_fast`, `yarn_beta_slow`, `yarn_ext_factor`, `yarn_attn_factor` in the file are NOT read (32, 1, 1, 1 are used); `rope.scaling.attn_factor` is,',
    '  and multiplies cos and sin for every scaling type',
  ],
  router: [
    'z = ffn_gate_inp · h (+ ffn_gate_inp.bias), h is what the experts read unless said; p = softmax over all experts, or sigmoid, by `expert_gating_func` 1 or 2',
    'selection scores s = p + exp_probs_b.bias when that tensor is there; the weights stay p without the bias',
    'groups, when `expert_group_count` G > 1, in every architecture: expert e is in group floor(e / (E/G)); a group scores the sum of its two greatest s;',
    '  the `expert_group_used_count` best groups stay; other experts cannot be selected',
    'the k greatest s are selected; w = p there; if normed: w /= max(Σ w, 6.103515625e-5); then times `expert_weights_scale` unless that is 0, 1 or absent',
    'experts: down(act(gate·h) ∘ (up·h)), act = silu unless said; the weighted sum is taken in order of selection, greatest first',
    'ffn_gate_up_exps.weight [d, 2·f, E] may replace gate and up in deepseek2 (of those here): rows 0..f−1 are gate, f..2f−1 up',
  ],
  denseFfn: ['ffn_down(silu(ffn_gate·h) ∘ (ffn_up·h))'],
} as const;

const ARCHITECTURE_FACTS: Readonly<Record<string, readonly string[]>> = {
  qwen3moe: [
    'rope neox over the whole head; rms per head on q (attn_q_norm [head]) and k (attn_k_norm [head]) before RoPE',
    'softmax, normed; `expert_weights_scale` is not read; no shared expert, no dense layers',
    'f = `expert_feed_forward_length`, else feed_forward_length / expert_used_count; feed_forward_length otherwise unused',
  ],
  olmoe: [
    'rope neox; attn_q_norm [d] and attn_k_norm [kv heads · head]: ONE rms over all heads together, before the split into heads and RoPE',
    'softmax, not normed; f = feed_forward_length; eps 1e-5; output.weight required',
  ],
  qwen2moe: [
    'rope neox; q, k, v have biases; no head norms',
    'softmax, NOT normed; f = expert_feed_forward_length; shared width = expert_shared_feed_forward_length, else feed_forward_length',
    'shared expert: + sigmoid(ffn_gate_inp_shexp · h) · ffn_shexp(h), ffn_gate_inp_shexp.weight is a vector [d], h the normed input',
  ],
  llama: [
    'rope NORM (pairs 2p, 2p+1): the converter permutes the rows of q and k; rope_freqs.weight of Llama 3 is used',
    'expert_count absent or 0: dense. Otherwise (Mixtral): softmax, normed, f = feed_forward_length; no expert_feed_forward_length in such files',
    'rope.dimension_count must be the head size; `attention.scale` is not read (case mixtral-scaled); optional biases on q, k, v, attn_output, ffn_gate/up/down',
  ],
  granitemoe: [
    'rope NORM; embedding × `embedding_scale`; scores × `attention.scale` INSTEAD of 1/sqrt(head) (when not 0)',
    'residuals: a = x + residual_scale · attention(…); x = a + residual_scale · ffn(…); logits × 1 / `logit_scale` (division; the key is required)',
    'softmax, normed (the authors take top-k, then softmax over the selected: the same numbers); f = feed_forward_length',
    'granitemoeshared has the same architecture key: `expert_shared_feed_forward_length` > 0 adds ffn_{gate,up,down}_shexp(h) unweighted, before residual_scale',
    'rope.scaling.finetuned = false switches RoPE off',
  ],
  'gpt-oss': [
    'head size = key_length (64), heads · head ≠ d; biases on q, k, v and attn_output; rope neox with yarn as in COMMON (all layers alike)',
    'norm before the experts is blk.{}.post_attention_norm.weight (there is no ffn_norm)',
    'layers 0, 2, 4… see a window of `attention.sliding_window`, odd layers everything',
    'attn_sinks.weight [heads]: softmax over the scores and one more score, the sink of the head, whose value is zero (it only adds exp(sink − max) below)',
    'router bias; the k greatest LOGITS are selected, then softmax over the selected logits; no norm, scale',
    'experts with biases ffn_{gate,up}_exps.bias [f, E], ffn_down_exps.bias [d, E], added before the weight is multiplied',
    'act: g = min(gate, 7), u = clamp(up, −7, 7): g · sigmoid(1.702 g) · (u + 1)',
    'eps 1e-5; f = expert_feed_forward_length (required)',
  ],
  deepseek: [
    'rope NORM (rows permuted by the converter), rope.scaling.type "none"; plain multi-head attention',
    'layers below `leading_dense_block_count` are dense with feed_forward_length',
    'softmax, NOT normed, × expert_weights_scale; shared expert of width expert_shared_count · expert_feed_forward_length, added unweighted',
  ],
  deepseek2: [
    'n = rope.dimension_count (the rotary part of a head), r = attention.kv_lora_rank; k head = nope + n',
    'new layout: `attention.key_length_mla` and `value_length_mla` are the head sizes, key_length = r + n, value_length = r, head_count_kv = 1, tensors attn_k_b, attn_v_b',
    'old layout: no *_mla keys, key_length = nope + n, value_length = v head, head_count_kv = head_count, one tensor attn_kv_b',
    'q: attn_q.weight when attention.q_lora_rank is absent, else attn_q_b · rms(attn_q_a · h, attn_q_a_norm); each head is [nope channels, n rotary channels]',
    'attn_kv_a_mqa [d, r + n] · h = [latent r, k_rot n]; latent = rms(latent, attn_kv_a_norm); k_rot is NOT normed, is rotated and shared by all heads',
    'attn_kv_b [r, heads · (nope + v)]: rows of a head are its nope key rows, then its v value rows',
    'attn_k_b [nope, r, heads] is that key part TRANSPOSED (row = latent channel); attn_v_b [r, v, heads] is not',
    'rope NORM on the LAST n channels of a q head and on k_rot; score = (q_nope·k_nope + q_rot·k_rot) · scale; output attn_output [heads · v, d]',
    'yarn: m = `rope.scaling.yarn_log_multiplier` / 0.1 (mscale_all_dim); scale = (1 + 0.1 m ln f)² / sqrt(nope + n)',
    '  cos and sin × A with A = 1 whenever the key is there (0.0707 in V2 and V2-Lite, 0.1 in V3)',
    '  key absent: m = 0, A = 1 + 0.1 ln f, and scale = A² / sqrt(nope + n), that is the factor counts four times for the rotary part',
    'dense lead, shared expert as in deepseek (expert_shared_count · f, unweighted)',
    'gating by expert_gating_func (absent or 0: softmax; old V2 files), normed when `expert_weights_norm`, × expert_weights_scale, exp_probs_b.bias, groups as in COMMON',
    'the authors of V2 score a group by its maximum; llama.cpp takes the two best for all, and only when the file has expert_group_count (older V2 files do not)',
    'ffn_gate_up_exps is read in place of ffn_gate_exps and ffn_up_exps',
    'a file without q_lora_rank is accepted by llama.cpp only with 26, 27 or 48 layers; the makers give it q_lora_rank = 0, which an engine need not read',
  ],
  phimoe: [
    'norms are rms WITH bias (attn_norm.bias, ffn_norm.bias, output_norm.bias: rms(x, g) + b); the authors use LayerNorm with mean; llama.cpp does not',
    'biases on q, k, v, attn_output; output.weight required with output.bias [vocabulary]',
    'rope neox; rope_factors_long.weight, rope_factors_short.weight [head/2] of the file as factor_p: long when the CONTEXT (as allocated, not the prompt) is longer',
    '  than rope.scaling.original_context_length, else short; cos, sin × rope.scaling.attn_factor; q is scaled by 1/sqrt(head) after RoPE',
    'attention.sliding_window is in the files and ignored',
    'softmax, normed top-k (the authors route by sparsemixer; llama.cpp does not); f = feed_forward_length',
  ],
  lfm2moe: [
    'output norm is named token_embd_norm.weight; head is token_embd when there is no output.weight',
    'attention.head_count_kv is an ARRAY [layers]; 0 marks a convolution layer; head_count is one number',
    'attention layer: rope neox, rms per head on q and k before RoPE',
    'convolution layer on h = rms(x, attn_norm): [b, c, v] = shortconv.in_proj [d, 3d] · h, thirds in that order; u = b ∘ v;',
    '  y_t = Σ_k w[k, channel] · u_{t − (L−1) + k}, k = 0..L−1 (w[L−1] meets the present token), zeros before the start, L = `shortconv.l_cache`;',
    '  out = shortconv.out_proj · (c ∘ y). shortconv.conv.weight is [L, d] in ggml order: L contiguous taps per channel. State: the last L−1 u of each layer',
    'layers below leading_dense_block_count have a dense ffn with feed_forward_length, in both kinds of layer; ffn_norm always',
    'sigmoid (expert_gating_func 2, required), exp_probs_b.bias required, normed, no shared expert',
  ],
  'ernie4_5-moe': [
    'rope NORM (native, no permutation); optional head size; no head norms',
    'a layer is MoE when index ≥ leading_dense_block_count and (index + 1) % `interleave_moe_layer_step` = 0',
    'softmax, exp_probs_b.bias optional (added to the softmax probabilities for selection), normed',
    'shared expert of width expert_shared_feed_forward_length when that is > 0, unweighted',
  ],
  bailingmoe2: [
    'blk.{}.attn_qkv.weight [d, (heads + 2 kv) · head] only; rms per head on q and k before RoPE; rope neox, partial: rope.dimension_count = head/2 (Sarvam: whole)',
    'sigmoid (expert_gating_func required), exp_probs_b.bias optional, groups, normed by expert_weights_norm, × expert_weights_scale',
    'shared expert of width (expert_shared_feed_forward_length, else f) · expert_shared_count, unweighted; leading_dense_block_count dense layers',
    'block_count counts `nextn_predict_layers` extra layers at the end, which are not run',
  ],
  smallthinker: [
    'router logits from the layer input x itself, BEFORE attn_norm and attention; experts read rms(a, ffn_norm)',
    'act = relu(gate) · up; gating by expert_gating_func (sigmoid or softmax), normed in both cases',
    'attention.sliding_window > 0: the window is 4096 whatever the number; layers 0, 4, 8… see everything and have NO RoPE; the others window and RoPE',
    'attention.sliding_window absent or 0: every layer sees everything with RoPE. (With exactly 4 layers llama.cpp ropes all of them: no case has 4.)',
    'rope neox; head = key_length',
  ],
  glm4moe: [
    'rope neox, partial (rope.dimension_count = head/2); biases on q, k, v; optional rms per head (attn_q_norm, attn_k_norm: GLM-4.5, not Air) before RoPE',
    'norm before the ffn is blk.{}.post_attention_norm.weight (there is no ffn_norm)',
    'sigmoid (also when expert_gating_func is absent), exp_probs_b.bias, normed by expert_weights_norm, × expert_weights_scale',
    'shared width expert_shared_count · f, unweighted; leading_dense_block_count dense layers',
    'block_count counts `nextn_predict_layers` extra layers at the end (with nextn.* tensors), which are not run: published files have one',
  ],
  qwen2: ['rope neox; q, k, v have biases; dense'],
  qwen3: ['rope neox; rms per head on q and k before RoPE; dense; head = key_length'],
};

export const FACTS = { common: COMMON_FACTS, architectures: ARCHITECTURE_FACTS };
