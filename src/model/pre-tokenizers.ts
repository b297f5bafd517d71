// How text is cut before byte pairs are merged, by the name in `tokenizer.ggml.pre`. The patterns are those of the models' tokenizer.json, as far as llama.cpp
// (llama-vocab.cpp) tells them; each pattern cuts the pieces that the one before it left, and what it does not match stays a piece.

export interface PreTokenizer {
  readonly patterns: readonly string[];
  /** A piece that is a token is not merged from its bytes. */
  readonly wholeTokensFirst?: boolean;
  /** Prompts begin with the bos token unless the file says otherwise. */
  readonly addsBos?: boolean;
}

/** Pieces of English contractions in either case. */
const CONTRACTION = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const LINES_AND_SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const SYMBOLS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';

/** GPT-4's way and its variants: a letter run takes one character before it along, digits come in groups. */
const cl100k = (digits: string): string => `${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${SYMBOLS}|${LINES_AND_SPACES}`;
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";

/** GPT-4o's way: words are cut where a small letter is followed by a large one. */
function o200k(upper: string, lower: string, contraction: string, digits: string, symbols: string): string {
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  return `${before}${upper}*${lower}+${contraction}|${before}${upper}+${lower}*${contraction}|${digits}|${symbols}|${LINES_AND_SPACES}`;
}
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const NOT_HAN = '(?!\\p{Script=Han})';
const SYMBOLS_AND_SLASHES = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*';

const DEEPSEEK_LETTERS =
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\u1F5F-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌ\u1FD0-\u1FD3\u1FD6-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃';
const DEEPSEEK_CJK = '[一-龥\\u0800-一가-\\uD7FF]+';
const DEEPSEEK_V3 = `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${LINES_AND_SPACES}`;

const QWEN2: PreTokenizer = { patterns: [cl100k('\\p{N}')] };
const LLAMA3: PreTokenizer = { patterns: [cl100k('\\p{N}{1,3}')], wholeTokensFirst: true, addsBos: true };
const THREE_DIGITS: PreTokenizer = { patterns: [cl100k('\\p{N}{1,3}')] };
const GPT_2: PreTokenizer = { patterns: [GPT2] };
const SINGLE_DIGITS: PreTokenizer = { patterns: ['\\p{N}', GPT2] };
const GPT_4O: PreTokenizer = { patterns: [o200k(UPPER, LOWER, `${CONTRACTION}?`, '\\p{N}{1,3}', SYMBOLS_AND_SLASHES)] };
const DEEPSEEK3: PreTokenizer = { patterns: ['\\p{N}{1,3}', '[一-龥\\u3040-ゟ゠-ヿ]+', DEEPSEEK_V3] };
const BAILING: PreTokenizer = {
  patterns: [`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${SYMBOLS}|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`],
};

export const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map<string, PreTokenizer>([
  ['default', { patterns: ['[\\p{P}$+<=>^~|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]'] }],
  ...names(QWEN2, 'qwen2', 'deepseek-r1-qwen', 'kormo', 'megrez', 'hunyuan', 'solar-open', 'stablelm2', 'grok-2'),
  ...names(LLAMA3, 'llama3', 'llama-v3', 'llama-bpe', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'),
  ...names(THREE_DIGITS, 'dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'),
  ...names(GPT_2, 'gpt-2', 'phi-2', 'olmo', 'mpt', 'jais', 'gigachat', 'a.x-4.0', 'mellum', 'modern-bert', 'exaone4', 'trillion', 'granite-docling'),
  ...names(SINGLE_DIGITS, 'starcoder', 'refact', 'command-r', 'smollm', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'),
  ...names(GPT_4O, 'gpt-4o', 'llama4', 'kanana2', 'minimax-m2'),
  ['tekken', { patterns: [o200k(UPPER, LOWER, '', '\\p{N}', SYMBOLS_AND_SLASHES)], wholeTokensFirst: true, addsBos: true }],
  [
    'kimi-k2',
    {
      patterns: [`\\p{Script=Han}+|${o200k(`(?:${NOT_HAN}${UPPER})`, `(?:${NOT_HAN}${LOWER})`, `${CONTRACTION}?`, '\\p{N}{1,3}', SYMBOLS)}`],
    },
  ],
  ['deepseek-llm', { patterns: ['[\\r\\n]', `\\s?[${DEEPSEEK_LETTERS}]+`, '\\s?[!-/:-~！-／：-～‘-‟\\u3000-。]+', '\\s+$', DEEPSEEK_CJK, '\\p{N}+'] }],
  ['deepseek-coder', { patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', DEEPSEEK_CJK, '\\p{N}'] }],
  ...names(DEEPSEEK3, 'deepseek-v3', 'hunyuan-dense', 'joyai-llm'),
  ...names(BAILING, 'bailingmoe', 'bailingmoe2', 'llada-moe'),
]);

function names(preTokenizer: PreTokenizer, ...list: readonly string[]): Array<[string, PreTokenizer]> {
  return list.map((name) => [name, preTokenizer]);
}
