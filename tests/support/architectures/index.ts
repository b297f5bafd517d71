// Every case of the architecture tests: one of each architecture and variant in f32, and block formats on a few. A case is small enough to be built where it is
// needed; its golden file is tests/golden/architectures/<name>.json, made by make.mjs beside it. To add one: write it into the list of its family, run make.mjs with --seek to find a seed, and commit the golden file.

import { DEEPSEEK_CASES } from './cases-deepseek';
import { LLAMA_CASES } from './cases-llama';
import { OTHER_CASES } from './cases-other';
import { QWEN_CASES } from './cases-qwen';
import { FORMAT_CASES } from './cases-formats';
import { caseFile, type ArchitectureCase } from './model';
import { writeGguf } from '../gguf-writer';

export { xxHash32 } from '../../../src/storage/checksum';
export * from './model';

export const ARCHITECTURE_CASES: readonly ArchitectureCase[] = [...QWEN_CASES, ...LLAMA_CASES, ...DEEPSEEK_CASES, ...OTHER_CASES];

/** A golden file: what llama.cpp answered. */
export interface Golden {
  readonly name: string;
  readonly madeBy: string;
  readonly seed: number;
  /** xxHash32 of the model file, to know that the same one was built. */
  readonly fileHash: number;
  readonly promptTokens: readonly number[];
  readonly greedyTokens: readonly number[];
  /** Before each greedy token: the 20 most probable tokens, best first. */
  readonly steps: ReadonlyArray<{ readonly tokens: readonly number[]; readonly logProbabilities: readonly number[] }>;
}

/** What has a golden file. */
export const GOLDEN_CASES: readonly ArchitectureCase[] = [...ARCHITECTURE_CASES, ...FORMAT_CASES];

/** The bytes of a case's file. */
export function caseBytes(made: ArchitectureCase, seed: number): Uint8Array {
  return writeGguf(caseFile(made, seed));
}
