// Every case of the architecture tests. A case is small enough to be built where it is needed; its golden file is tests/golden/architectures/<name>.json, made
// by make.mjs beside it. To add one: write it into the list of its family, run make.mjs with --seek to find a seed, and commit the golden file.

import { DEEPSEEK_CASES } from './cases-deepseek';
import { LLAMA_CASES } from './cases-llama';
import { OTHER_CASES } from './cases-other';
import { QWEN_CASES } from './cases-qwen';
import { caseFile, type ArchitectureCase } from './model';
import { writeGguf } from '../gguf-writer';

export { xxHash32 } from '../../../src/storage/checksum';
export * from './model';

export const ARCHITECTURE_CASES: readonly ArchitectureCase[] = [...QWEN_CASES, ...LLAMA_CASES, ...DEEPSEEK_CASES, ...OTHER_CASES];

/** What has a golden file. */
export type GoldenCase = ArchitectureCase;

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

export const GOLDEN_CASES: readonly GoldenCase[] = ARCHITECTURE_CASES;

/** The file that the engines read, and the one that llama.cpp was given. */
export function goldenFiles(made: GoldenCase, seed: number): { readonly bytes: Uint8Array; readonly llamaBytes: Uint8Array } {
  const file = caseFile(made, seed);
  const bytes = writeGguf(file);
  const llamaBytes = made.onlyForLlamaCpp ? writeGguf({ ...file, metadata: [...file.metadata, ...made.onlyForLlamaCpp] }) : bytes;
  return { bytes, llamaBytes };
}
