// Byte-level BPE, `tokenizer.ggml.model` = "gpt2": text is cut by rules that the file names, each piece becomes its bytes as characters, and pairs of neighbours
// are merged in the order of the list of merges. Done by @huggingface/tokenizers, given a tokenizer.json made from the metadata.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { EngineError } from '../core/errors';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { BYTE_CHARACTERS, bytesOfToken } from './byte-level';
import { PRE_TOKENIZERS } from './pre-tokenizers';
import { MAX_MERGES_PER_TOKEN, type TextModel, type Vocabulary, corruptKey, ordinaryIds } from './vocabulary';

const MERGES_KEY = 'tokenizer.ggml.merges';

/** Throws 'unsupported-tokenizer' for rules that are not known, 'file-corrupt' for an impossible vocabulary. */
export function bytePairModel(metadata: GgufMetadata, vocabulary: Vocabulary): TextModel {
  const name = metadata.string('tokenizer.ggml.pre', 'default');
  const rules = PRE_TOKENIZERS.get(name);
  if (!rules) {
    throw new EngineError(
      'unsupported-tokenizer',
      `The tokenizer of the model splits text by the rules "${name}".`,
      `Supported now: ${[...PRE_TOKENIZERS.keys()].join(', ')}.`,
    );
  }
  const ids = ordinaryIds(vocabulary);
  const merges = readMerges(metadata, vocabulary);
  // The package leaves out without a word what is not in the vocabulary. With these two checks there is no such thing.
  const missingByte = BYTE_CHARACTERS.findIndex((character) => ids[character] === undefined);
  if (missingByte >= 0) throw corruptKey('tokenizer.ggml.tokens', `there is no token for the byte ${missingByte}`);
  const badMerge = merges.findIndex(([left, right]) => ids[left + right] === undefined);
  if (badMerge >= 0) throw corruptKey(MERGES_KEY, `the result of merge ${badMerge} is not a token`);
  const tokenizer = new HuggingFaceTokenizer(
    {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          ...rules.patterns.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })),
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      model: { type: 'BPE', vocab: ids, merges, unk_token: null, byte_fallback: false, ignore_merges: rules.wholeTokensFirst ?? false },
      post_processor: null,
      decoder: null,
    },
    {},
  );
  return {
    encode: (text) => (text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids),
    bytesOf: bytesOfToken,
    addsSpace: false,
    defaults: { addBos: rules.addsBos ?? false },
  };
}

function readMerges(metadata: GgufMetadata, { texts }: Vocabulary): ReadonlyArray<readonly [string, string]> {
  const merges = metadata.strings(MERGES_KEY);
  const limit = MAX_MERGES_PER_TOKEN * texts.length;
  if (merges.length > limit) throw corruptKey(MERGES_KEY, `it has ${merges.length} entries for ${texts.length} tokens`);
  return merges.map((merge, index): readonly [string, string] => {
    const [left, right, rest] = merge.split(' ');
    if (!left || !right || rest !== undefined) throw corruptKey(MERGES_KEY, `entry ${index} is not two tokens`);
    return [left, right];
  });
}
