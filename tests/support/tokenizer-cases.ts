// Small vocabularies of every kind of tokenizer, as GGUF files, and texts for them. Their merges are learnt from the texts themselves, cut nowhere: pairs that go
// over every border of words, digits and lines are there, so that what comes out shows where a tokenizer cuts.

import { BYTE_CHARACTERS } from '../../src/model/byte-level';
import { f32, flag, i32s, text, texts, u32, writeGguf, type WriterValue } from './gguf-bytes';

export interface TokenizerCase {
  /** Also in the golden file. */
  readonly name: string;
  readonly metadata: ReadonlyArray<readonly [key: string, value: WriterValue]>;
}

export const TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    'Hello world',
    ' leading and trailing ',
    "I'm sure they'll say it's HE'S and WE'LL've DON'T",
    'one  two   three    four',
    '\n',
    '\n\n',
    ' \n',
    '\t\tx\n',
  ],
  ...[
    'line one\nline two\r\nline three\n\n\n  indented\n',
    'trailing spaces   \n   next',
    'ends with spaces    ',
    'a\n \n b',
    '12345 1 12 123 1234567890',
    '3.14159, 1,000,000 and 2024-01-31',
  ],
  ...[
    'price: $5.00 (20% off!) #1 @home [x] {y} <z> a=b+c*d/e',
    'foo(bar); // comment\nif (x != 10) { return x**2; }',
    '...!!!???---***   ===',
    'don\'t "quote" `me`',
  ],
  ...[
    'camelCase HelloWorld XMLHttpRequest iPhone aB Ab AB',
    'Größe naïve façade Ærøskøbing',
    'Привет, мир! Как дела?',
    'Γειά σου Κόσμε',
    '你好，世界！今天天气很好。',
    '日本語のテキストとカタカナ',
    '한국어 텍스트 입니다',
  ],
  ...[
    '中文English混合123数字',
    'नमस्ते दुनिया',
    'שלום עולם مرحبا بالعالم',
    '👩‍🚀 rocket 🚀🚀 flag 🇩🇪',
    'a\u0301 e\u0301 combining',
    'zero\u200bwidth\u00a0nbsp\u3000wide',
    '½ ² ① Ⅳ ٣ digits of other kinds',
  ],
  ...['<|control|>Hi<|control|> there', 'before <think> hm </think> after', '<s>[INST] x [/INST]</s>', '<unk> <0x0A>', '__proto__ constructor toString'],
];

/** [left, right], in the order in which they are learnt: always the commonest pair, of those the first. */
function learnMerges(start: readonly string[], count: number): Array<readonly [string, string]> {
  let pieces = [...start];
  const merges: Array<readonly [string, string]> = [];
  while (merges.length < count) {
    const seen = new Map<string, { readonly pair: readonly [string, string]; times: number }>();
    pieces.slice(1).forEach((right, index) => {
      const pair = [pieces[index]!, right] as const;
      const key = pair.join(' ');
      const entry = seen.get(key);
      if (entry) entry.times++;
      else if (!pair.includes(BORDER)) seen.set(key, { pair, times: 1 });
    });
    const best = [...seen.values()].reduce((most, entry) => (entry.times > most.times ? entry : most));
    merges.push(best.pair);
    const joined: string[] = [];
    for (let index = 0; index < pieces.length; index++) {
      const isPair = pieces[index] === best.pair[0] && pieces[index + 1] === best.pair[1];
      joined.push(isPair ? best.pair.join('') : pieces[index]!);
      if (isPair) index++;
    }
    pieces = joined;
  }
  return merges;
}
/** Between two texts. */
const BORDER = '';

const CONTROL = '<|control|>';
const MERGE_COUNT = 500;
const corpus = (of: (text: string) => readonly string[]): string[] => TEXTS.flatMap((line) => [...of(line), BORDER]);

const BYTE_MERGES = learnMerges(
  corpus((line) => [...new TextEncoder().encode(line)].map((byte) => BYTE_CHARACTERS[byte]!)),
  MERGE_COUNT,
);
const BYTE_SPECIALS = ['<|endoftext|>', CONTROL, '<think>', '</think>'];
const BYTE_TOKENS = [...new Set([...BYTE_CHARACTERS, ...BYTE_MERGES.map((pair) => pair.join(''))])].filter((token) => !BYTE_SPECIALS.includes(token));

/** The names that the supported families use, and one of each other set of rules. */
const RULES = [
  ...['default', 'qwen2', 'llama-bpe', 'deepseek-llm', 'deepseek-coder', 'deepseek-v3', 'gpt-4o', 'olmo', 'dbrx', 'smaug-bpe', 'bailingmoe2', 'glm4', 'lfm2'],
  ...['gpt-2', 'starcoder', 'refact', 'tekken', 'kimi-k2'],
];

function bytePairCase(pre: string): TokenizerCase {
  const metadata: TokenizerCase['metadata'] = [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(pre)],
    ['tokenizer.ggml.tokens', texts([...BYTE_TOKENS, ...BYTE_SPECIALS])],
    ['tokenizer.ggml.token_type', i32s([...BYTE_TOKENS.map(() => 1), 3, 3, 4, 4])],
    ['tokenizer.ggml.merges', texts(BYTE_MERGES.filter((pair) => !BYTE_SPECIALS.includes(pair.join(''))).map((pair) => pair.join(' ')))],
    ['tokenizer.ggml.bos_token_id', u32(BYTE_TOKENS.length)],
    ['tokenizer.ggml.eos_token_id', u32(BYTE_TOKENS.length)],
  ];
  return { name: pre, metadata };
}

const PIECE_MERGES = learnMerges(
  corpus((line) => Array.from(` ${line}`.replaceAll(' ', '▁'))),
  MERGE_COUNT,
);

/** Most letters are tokens; some, as in real vocabularies, are not, and are written as bytes. No pieces of special tokens: llama.cpp would merge them to those. */
function sentencePieceCase(name: string, more: TokenizerCase['metadata']): TokenizerCase {
  const merged = [...new Set(PIECE_MERGES.map((pair) => pair.join('')))];
  const letters = [...new Set(PIECE_MERGES.flat().flatMap((piece) => Array.from(piece)))];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const special = [CONTROL, '[INST]', '[/INST]', '<think>', '</think>'];
  const first = ['<unk>', '<s>', '</s>', ...bytes];
  const pieces = [...new Set([...merged, ...letters])].filter((piece) => piece.length === 1 || !/[<>|[\]]/.test(piece));
  const tokens = [...first, ...pieces, ...special];
  const metadata: TokenizerCase['metadata'] = [
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', texts(tokens)],
    ['tokenizer.ggml.token_type', i32s([2, 3, 3, ...bytes.map(() => 6), ...pieces.map(() => 1), 3, 3, 3, 4, 4])],
    [
      'tokenizer.ggml.scores',
      { type: 'array', itemType: 'float32', items: [...[0, 0, 0], ...bytes.map(() => 0), ...pieces.map((_, rank) => -rank), ...special.map(() => 0)] },
    ],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ...more,
  ];
  return { name, metadata };
}

export const TOKENIZER_CASES: readonly TokenizerCase[] = [
  ...RULES.map(bytePairCase),
  sentencePieceCase('llama', []),
  sentencePieceCase('llama-without-prefix', [['tokenizer.ggml.add_space_prefix', flag(false)]]),
];

/** A file with a vocabulary and the least that llama.cpp wants besides. */
export function tokenizerFile({ metadata }: TokenizerCase): Uint8Array {
  const llama: ReadonlyArray<readonly [string, WriterValue]> = [
    ...(['block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'attention.head_count'] as const).map(
      (key) => [`llama.${key}`, u32(key === 'block_count' ? 1 : 32)] as const,
    ),
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
  ];
  return writeGguf({ metadata: [['general.architecture', text('llama')], ...llama, ...metadata], tensors: [] });
}
