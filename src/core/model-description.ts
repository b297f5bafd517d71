// What a model file holds and what running it takes: plain data for the terminal, the page and the API. All sizes are bytes.

export type TensorClass = 'embedding' | 'attention' | 'norms' | 'routers' | 'denseFfn' | 'experts' | 'outputHead' | 'unused';

export const CLASS_TITLES: Readonly<Record<TensorClass, string>> = {
  embedding: 'embedding',
  attention: 'attention',
  norms: 'norms',
  routers: 'routers',
  denseFfn: 'dense and shared FFN',
  experts: 'experts',
  outputHead: 'output head',
  unused: 'not used',
};

export interface LayerDescription {
  readonly index: number;
  /** 'attention', 'latent-attention' or 'short-convolution'. */
  readonly mixer: string;
  /** Positions that attention sees; 0: all. Undefined where the mixer has no window. */
  readonly window?: number;
  readonly ffn: 'dense' | 'moe';
  /** Of the routed experts; 0 in a dense layer. */
  readonly expertCount: number;
  readonly expertsPerToken: number;
}

/** A router as data, and the layers that have it. A model whose layers are alike has one. */
export interface RouterDescription {
  readonly layers: readonly number[];
  readonly router: Readonly<Record<string, unknown>>;
}

/** What the GPU holds at one budget. Not counted: activations, logits, tables and the prompt's scratch, which do not grow with budget or context. */
export interface MemoryNeed {
  /** Of all experts; the budget that is asked for. */
  readonly percent: number;
  readonly slotCount: number;
  /** Of all slots: what the budget comes to in whole slots, and at least what one layer needs at once. */
  readonly slotBytes: number;
  /** Everything but the routed experts, as it is laid out on the GPU. */
  readonly trunkBytes: number;
  /** Keys and values of `contextLength` positions. */
  readonly cacheBytes: number;
  /** Slots, trunk and cache. */
  readonly totalBytes: number;
  /** False: the experts of one token in all layers do not fit, so most tokens wait for experts at most layers. */
  readonly holdsTokenCycle: boolean;
}

export interface ModelDescription {
  readonly name: string;
  readonly architecture: string;
  readonly parameterCount: number;
  /** What the model was made for, in tokens. */
  readonly contextLength: number;
  readonly layers: readonly LayerDescription[];
  /** Of the layers with experts, in order of the first layer that has it. */
  readonly routers: readonly RouterDescription[];
  /** `perLayer`, `perToken` and `bytesPerExpert` (in the file) are those of the first layer with experts; all 0 without experts. */
  readonly experts: {
    readonly layers: number;
    readonly perLayer: number;
    readonly perToken: number;
    readonly bytesPerExpert: number;
    readonly totalBytes: number;
  };
  /** In the file, biases included; together all tensors. An output head that is the embedding counts as embedding; 'unused' is what the engine does not read. */
  readonly bytesByClass: Readonly<Record<TensorClass, number>>;
  readonly bytesByType: Readonly<Record<string, { readonly count: number; readonly bytes: number }>>;
  readonly tokenizer: {
    /** As the file names them; undefined when it does not. */
    readonly model?: string;
    readonly pre?: string;
    readonly vocabularySize: number;
    readonly stopTokens: ReadonlyArray<{ readonly id: number; readonly text: string }>;
  };
  /** The chat template, cut off after some thousands of characters; `length` is that of the whole. Undefined when there is none. */
  readonly template?: { readonly text: string; readonly length: number };
  readonly needs: { readonly contextLength: number; readonly budgets: readonly MemoryNeed[] };
}

/** "0–5 attention, 4 of 32 experts; 6 attention, dense": runs of layers that are alike. */
export function describeLayers(layers: readonly LayerDescription[]): string {
  const groups = new Map<string, number[]>();
  for (const { index, mixer, window, ffn, expertCount, expertsPerToken } of layers) {
    const seen = window ? ` over ${window} tokens` : '';
    const kind = `${mixer.replaceAll('-', ' ')}${seen}, ${ffn === 'moe' ? `${expertsPerToken} of ${expertCount} experts` : 'dense'}`;
    groups.set(kind, [...(groups.get(kind) ?? []), index]);
  }
  return [...groups].map(([kind, indices]) => `${layerRanges(indices)} ${kind}`).join('; ');
}

/** [0, 1, 2, 5] → "0–2, 5". */
export function layerRanges(indices: readonly number[]): string {
  const runs: Array<[first: number, last: number]> = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}–${last}`)).join(', ');
}
