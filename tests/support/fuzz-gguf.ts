// Damaged model files, each a function of its seed, and what must hold for every one of them. Half of the faults are in the bytes (what a bad disk or download
// does), half in the parts before they are written (what a bad or hostile converter does): those keep the rest readable, so that they reach the model, the
// tokenizer and the template.

import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import { MiB, roundUp } from '../../src/core/units';
import { GGML_TYPES } from '../../src/formats/ggml-types';
import { type GgufFile, readGguf } from '../../src/formats/gguf';
import type { Source } from '../../src/formats/source';
import { createChatTemplate } from '../../src/model/chat-template';
import { specFromGguf } from '../../src/model/from-gguf';
import { createTokenizer } from '../../src/model/tokenizer';
import { measureAllocations, type Allocations } from './allocations';
import { ARCHITECTURE_CASES, caseFile } from './architectures';
import { damageParts } from './fuzz-gguf-parts';
import { TOKENIZER_CASES } from './tokenizer-cases';
import { text, tinyQwen3MoeFile, writeGguf, type WriterFile, type WriterTensor } from './gguf-writer';

const ALIGNMENT_BYTES = 32;
/** By all faults of one file together. */
const MAX_REMOVED_BYTES = 64;
/** Larger files would make every allocation look small. */
const MAX_MOVED_BYTES = 4 * MiB;

/** A file whose weights, which the reader never looks at, are zeros and are not kept. */
export interface FuzzFile {
  readonly header: Uint8Array;
  /** Of the whole file. */
  readonly sizeBytes: number;
}

/** A file that is sound, to be damaged. */
export interface FuzzBase extends FuzzFile, PlacedParts {
  readonly name: string;
}

export interface FuzzResult {
  /** 'accepted', or the stage that refused and its error's code. */
  readonly outcome: string;
  /** Of the clock, or of the process where that is less: on a busy machine the clock also counts what others do. */
  readonly milliseconds: number;
  /** Of the source; each byte counts as often as it is read. */
  readonly readBytes: number;
  /** Of the reader alone, and of all stages. */
  readonly readerAllocations: Allocations;
  readonly allocations: Allocations;
  /** What came of the file, as an engine would hold it: to be kept while it is measured. */
  readonly made: readonly unknown[];
}

/** One file of each case of the architecture tests, a tiny model, one with a long header, and one with the other kind of tokenizer. */
export function fuzzBases(): readonly FuzzBase[] {
  const tiny = { name: 'tiny', parts: tinyQwen3MoeFile({ hidden: 16, headSize: 8, layers: 1, ffn: 16, experts: 2, topK: 1 }) };
  // Its header is longer than the first read, and most of the file.
  const { metadata, tensors } = tiny.parts;
  const wordy = {
    name: 'wordy',
    parts: { tensors, metadata: [...metadata.slice(0, 3), ['general.description', text('a '.repeat(150_000))] as const, ...metadata.slice(3)] },
  };
  const pieces = { name: 'pieces', parts: withTokenizer(TOKENIZER_CASES.find(({ name }) => name === 'llama')!.metadata) };
  const cases = ARCHITECTURE_CASES.map((made) => ({ name: made.name, parts: caseFile(made, 1) }));
  return [tiny, wordy, pieces, ...cases].map(({ name, parts }) => {
    const placed = placeTensors(parts);
    return { name, ...placed, ...written(placed) };
  });
}

/** A small model with another tokenizer; the template stays. */
function withTokenizer(tokenizer: WriterFile['metadata']): WriterFile {
  const tokens = tokenizer.find(([key]) => key === 'tokenizer.ggml.tokens')?.[1];
  const vocabulary = tokens?.type === 'array' ? tokens.items.length : 0;
  const { metadata, tensors } = tinyQwen3MoeFile({ hidden: 8, headSize: 8, layers: 1, ffn: 16, experts: 2, topK: 1, vocabulary });
  return { tensors, metadata: [...metadata.filter(([key]) => !key.startsWith('tokenizer.ggml.')), ...tokenizer] };
}

interface PlacedParts {
  /** Each tensor has its offset and no data. */
  readonly parts: WriterFile;
  readonly weightBytes: number;
}

/** Gives every tensor its place, after its type and dimensions. */
function placeTensors(parts: WriterFile): PlacedParts {
  let weightBytes = 0;
  const tensors = parts.tensors.map((tensor) => {
    const offset = weightBytes;
    weightBytes = roundUp(offset + sizeOf(tensor), ALIGNMENT_BYTES);
    return { ...tensor, offset, data: new Uint8Array(0) };
  });
  return { parts: { ...parts, tensors }, weightBytes };
}

function sizeOf({ type, dimensions }: WriterTensor): number {
  const { blockSize, blockBytes } = GGML_TYPES.get(type) ?? { blockSize: 1, blockBytes: 1 };
  return Math.ceil((dimensions.reduce<number>((product, dimension) => product * Number(dimension), 1) / blockSize) * blockBytes);
}

function written({ parts, weightBytes }: PlacedParts): FuzzFile {
  const header = writeGguf(parts);
  return { header, sizeBytes: header.byteLength + weightBytes };
}

/** The damaged file of a seed. Seeds of every other hundred damage only small files, which are mostly header. */
export function fuzzedFile(bases: readonly FuzzBase[], seed: number): FuzzFile & { readonly base: string } {
  const random = new Random(seed);
  const isSmall = Math.floor(seed / 100) % 2 === 1;
  const base = bases[isSmall ? (random.integer(0, 7) >> 2) >> random.integer(0, 1) : random.integer(0, bases.length - 1)]!;
  const kind = random.integer(0, 9);
  if (kind < 3) return { base: base.name, ...shortened(random, damageBytes(random, base.header), base.header.byteLength, base.weightBytes) };
  const parts = damageParts(random, base.parts);
  // Half of those with other tensors have them one after the other, as if they had been made so; else they overlap, or leave gaps.
  const moved = random.integer(0, 1) === 0 ? placeTensors(parts) : undefined;
  const placed = moved && moved.weightBytes < MAX_MOVED_BYTES ? moved : { parts, weightBytes: base.weightBytes };
  const whole = written(placed).header;
  const header = kind === 9 ? damageBytes(random, whole) : whole;
  return { base: base.name, ...shortened(random, header, whole.byteLength, placed.weightBytes) };
}

/** One in twenty ends before all its weights are there, and so does one whose header is cut. */
function shortened(random: Random, header: Uint8Array, wholeHeaderBytes: number, allWeightBytes: number): FuzzFile {
  const weightBytes = random.integer(0, 19) === 0 ? random.integer(0, allWeightBytes) : allWeightBytes;
  const isCut = header.byteLength < wholeHeaderBytes - MAX_REMOVED_BYTES;
  return { header, sizeBytes: header.byteLength + (isCut ? 0 : weightBytes) };
}

/** Reads a file as far as it goes, and uses what came of it. Throws what is not an EngineError, and 'internal' ones. */
export async function readFuzzed(fuzzed: FuzzFile): Promise<FuzzResult> {
  const source = new CountingSource(fuzzed);
  const startedAt = performance.now();
  const startedWith = process.cpuUsage();
  let outcome = 'header';
  let file: GgufFile | undefined;
  const made: unknown[] = [];
  const readerAllocations = await measureAllocations(async () => {
    try {
      file = await readGguf(source);
    } catch (thrown) {
      outcome = `header: ${codeOf(thrown)}`;
    }
  });
  const allocations = await measureAllocations(async () => {
    if (file) outcome = stages(file, made);
  });
  const { user, system } = process.cpuUsage(startedWith);
  const milliseconds = Math.min(performance.now() - startedAt, (user + system) / 1000);
  return { outcome, milliseconds, readBytes: source.readBytes, readerAllocations, allocations, made };
}

/** Runs all stages, whether or not one fails, so that each sees each file; gives the first failure. */
function stages(file: GgufFile, made: unknown[]): string {
  const list: ReadonlyArray<readonly [name: string, make: () => unknown]> = [
    ['spec', () => specFromGguf(file)],
    [
      'tokenizer',
      () => {
        const tokenizer = createTokenizer(file);
        tokenizer.encode('the thin <|im_end|>', { special: true });
        return tokenizer;
      },
    ],
    [
      'template',
      () => {
        const template = createChatTemplate(file);
        template?.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true });
        return template;
      },
    ],
  ];
  made.push(file);
  const failures = list.flatMap(([name, make]) => {
    try {
      made.push(make());
      return [];
    } catch (thrown) {
      return [`${name}: ${codeOf(thrown)}`];
    }
  });
  return failures[0] ?? 'accepted';
}

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof EngineError) || thrown.code === 'internal') throw thrown;
  return thrown.code;
}

/** One to four faults in the header: a flipped bit, a field set to an extreme number, bytes removed or repeated, the end cut off. */
function damageBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let damaged: Uint8Array = bytes.slice();
  for (let fault = random.integer(1, 4); fault > 0; fault--) {
    // The magic, the version and the counts are few bytes, and the most telling.
    const at = random.integer(0, Math.min(damaged.byteLength, random.integer(0, 9) === 0 ? 24 : Infinity) - 1);
    const kind = random.integer(0, 10);
    if (kind < 4) damaged[at] = (damaged[at] ?? 0) ^ (1 << random.integer(0, 7));
    else if (kind === 4) for (let index = at; index < at + 8; index++) damaged[index] = random.integer(0, 255);
    else if (kind < 7) damaged.fill(random.integer(0, 1) * 255, at, at + (random.integer(0, 1) === 0 ? 4 : 8));
    else if (kind === 7) damaged = splice(damaged, at, random.integer(1, MAX_REMOVED_BYTES / 4), new Uint8Array(0));
    else if (kind === 8) damaged = splice(damaged, at, 0, damaged.slice(at, at + random.integer(1, 40)));
    else damaged = damaged.slice(0, kind === 9 ? Math.max(1, at) : random.integer(1, damaged.byteLength));
  }
  return damaged;
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.byteLength, at + removed));
  const spliced = new Uint8Array(at + added.byteLength + rest.byteLength);
  spliced.set(bytes.subarray(0, at));
  spliced.set(added, at);
  spliced.set(rest, at + added.byteLength);
  return spliced;
}

class CountingSource implements Source {
  readonly name = 'fuzzed';
  readonly identity = 'fuzzed';
  readonly sizeBytes: number;
  readBytes = 0;
  readonly #header: Uint8Array;

  constructor({ header, sizeBytes }: FuzzFile) {
    this.#header = header;
    this.sizeBytes = sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 0 || offset + length > this.sizeBytes) {
      throw new RangeError(`read(${offset}, ${length}) of ${this.sizeBytes} bytes`);
    }
    this.readBytes += length;
    const bytes = new Uint8Array(length);
    bytes.set(this.#header.subarray(offset, offset + length));
    return bytes;
  }
}
