// Damaged model files, each a function of its seed, and what must hold for every one of them. Half of the faults are in the bytes (what a bad disk or download
// does), half in the parts before they are written (what a bad or hostile converter does): those keep the rest readable, so that they reach the model, the
// tokenizer and the template.

import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { readGguf } from '../../src/formats/gguf';
import type { Source } from '../../src/formats/source';
import { createChatTemplate } from '../../src/model/chat-template';
import { specFromGguf } from '../../src/model/from-gguf';
import { createTokenizer } from '../../src/model/tokenizer';
import { measureAllocations, type Allocations } from './allocations';
import { ARCHITECTURE_CASES, caseFile } from './architectures';
import { damageParts } from './fuzz-gguf-parts';
import { tinyQwen3MoeFile, writeGguf, type WriterFile } from './gguf-writer';

const ALIGNMENT_BYTES = 32;
/** By all faults of one file together. */
const MAX_REMOVED_BYTES = 64;

/** A file whose weights, which the reader never looks at, are zeros and are not kept. */
export interface FuzzFile {
  readonly header: Uint8Array;
  /** Of the whole file. */
  readonly sizeBytes: number;
}

/** A file that is sound, to be damaged. */
export interface FuzzBase extends FuzzFile {
  readonly name: string;
  /** Each tensor has its offset and no data. */
  readonly parts: WriterFile;
  readonly weightBytes: number;
}

export interface FuzzResult {
  /** 'accepted', or the stage that refused and its error's code. */
  readonly outcome: string;
  /** Of the clock, or of the process where that is less: on a busy machine the clock also counts what others do. */
  readonly milliseconds: number;
  /** Of the source; each byte counts as often as it is read. */
  readonly readBytes: number;
  readonly allocations: Allocations;
}

/** One file of each case of the architecture tests, and the tiny model. */
export function fuzzBases(): readonly FuzzBase[] {
  const tiny = { name: 'tiny', parts: tinyQwen3MoeFile({ hidden: 16, headSize: 8, layers: 1, ffn: 16, experts: 2, topK: 1 }) };
  const cases = ARCHITECTURE_CASES.map((made) => ({ name: made.name, parts: caseFile(made, 1) }));
  return [tiny, ...cases].map(({ name, parts }) => {
    let weightBytes = 0;
    const tensors = parts.tensors.map((tensor) => {
      const offset = weightBytes;
      weightBytes = roundUp(offset + tensor.data.byteLength, ALIGNMENT_BYTES);
      return { ...tensor, offset, data: new Uint8Array(0) };
    });
    const header = writeGguf({ ...parts, tensors });
    return { name, parts: { ...parts, tensors }, weightBytes, header, sizeBytes: header.byteLength + weightBytes };
  });
}

/** The damaged file of a seed. */
export function fuzzedFile(bases: readonly FuzzBase[], seed: number): FuzzFile & { readonly base: string } {
  const random = new Random(seed);
  const base = bases[random.integer(0, bases.length - 1)]!;
  const kind = random.integer(0, 9);
  const written = kind < 3 ? base.header : writeGguf(damageParts(random, base.parts));
  const header = kind < 3 || kind === 9 ? damageBytes(random, written) : written;
  // One in twenty ends before all its weights are there.
  const weightBytes = random.integer(0, 19) === 0 ? random.integer(0, base.weightBytes) : base.weightBytes;
  const isCut = header.byteLength < written.byteLength - MAX_REMOVED_BYTES;
  return { base: base.name, header, sizeBytes: header.byteLength + (isCut ? 0 : weightBytes) };
}

/** Reads a file as far as it goes, and uses what came of it. Throws what is not an EngineError, and 'internal' ones. */
export async function readFuzzed(fuzzed: FuzzFile): Promise<FuzzResult> {
  const source = new CountingSource(fuzzed);
  const startedAt = performance.now();
  const startedWith = process.cpuUsage();
  let outcome = 'header';
  const allocations = await measureAllocations(async () => {
    try {
      const file = await readGguf(source);
      outcome = stages(
        ['spec', () => void specFromGguf(file)],
        ['tokenizer', () => void createTokenizer(file).encode('the thin <|im_end|>', { special: true })],
        ['template', () => void createChatTemplate(file)?.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true })],
      );
    } catch (thrown) {
      outcome = `header: ${codeOf(thrown)}`;
    }
  });
  const { user, system } = process.cpuUsage(startedWith);
  return { outcome, milliseconds: Math.min(performance.now() - startedAt, (user + system) / 1000), readBytes: source.readBytes, allocations };
}

/** Runs all stages, whether or not one fails, so that each sees each file; gives the first failure. */
function stages(...list: ReadonlyArray<readonly [name: string, action: () => void]>): string {
  const failures = list.flatMap(([name, action]) => {
    try {
      action();
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
