// Records what llama.cpp answers for the small random models of tests/support/architectures: one JSON file per case beside this script.
//
//   mkdir ../llama && cd ../llama && npm init -y
//   npm install node-llama-cpp@3.22.1 --ignore-scripts --omit=optional
//   npm install @node-llama-cpp/linux-x64@3.22.1 --ignore-scripts --omit=optional --force     (prebuilt for the CPU; another name on other systems)
//   cd - && node tests/golden/architectures/make.mjs --llama ../llama [--seek] [--check] [case…]
//
// --seek tries seeds from 1 until the answer is fit to be compared: every greedy step won by a probability of 0.02, no special token, not one token over and over.
// Without it the seed of the existing file is used. --check writes nothing and tells how far the files are from what llama.cpp answers now.
//
// llama.cpp quantises activations for quantised weights, so such a case is recorded with its weights expanded to f32 by ggml's own decoders (expand.py, python3).
// It runs with an f32 key and value cache and without flash attention, so that nothing but f32 rounding is in the numbers.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

/** @typedef {import('../../support/architectures/index').ArchitectureCase} ArchitectureCase */
/** @typedef {import('../../support/architectures/index').Golden} Golden */
/** @typedef {import('../../support/gguf-writer').WriterTensor} WriterTensor */
/** @typedef {Golden['steps'][number]} Step */
/** @typedef {{ golden: Golden, margin: number, problem: string }} Recorded */

const HERE = dirname(fileURLToPath(import.meta.url));
const LOG_PROBABILITY_COUNT = 20;
const LEAST_MARGIN = 0.02;
const LEAST_DISTINCT = 8;
const LAST_SEED = 400;
/** Of --check: greater than the rounding of the file, smaller than anything that a change of arithmetic does. */
const SAME = 1e-3;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { llama: { type: 'string' }, seek: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
});
if (!options.llama) throw new Error('--llama names the folder that node-llama-cpp is installed in');

/** @type {typeof import('../../support/architectures/index')} */
const { GOLDEN_CASES, caseFile, promptTokens, GREEDY_TOKEN_COUNT, CONTEXT_LENGTH, FIRST_SPECIAL_TOKEN, xxHash32 } =
  await typescript('../../support/architectures/index.ts');
/** @type {typeof import('../../support/gguf-writer')} */
const { writeGguf } = await typescript('../../support/gguf-writer.ts');
/** @type {typeof import('../../../src/formats/ggml-types')} */
const { GGML_TYPES } = await typescript('../../../src/formats/ggml-types.ts');

const nodeLlamaCpp = createRequire(resolve(options.llama, 'package.json')).resolve('node-llama-cpp');
const prebuilt = `${process.platform}-${process.arch}`;
const ggmlLibrary = resolve(options.llama, 'node_modules/@node-llama-cpp', prebuilt, 'bins', prebuilt, 'libggml-base.so');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(nodeLlamaCpp).href);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: LlamaLogLevel.error });
const madeBy = `llama.cpp ${llama.llamaCppRelease.release}`;
const folder = await mkdtemp(join(tmpdir(), 'golden-'));

let failed = 0;
for (const one of GOLDEN_CASES.filter(isWanted)) {
  const path = join(HERE, `${one.name}.json`);
  /** @type {Golden | undefined} */
  const before = await readFile(path, 'utf8').then(JSON.parse, () => undefined);
  const found = options.seek ? await seek(one) : await record(one, before?.seed ?? 1);
  const difference = before ? distance(before, found.golden) : Infinity;
  console.log(describe(found, options.check ? `differs from the file by ${difference}` : ''));
  if (found.problem || (options.check && difference > SAME)) failed++;
  else if (!options.check) await writeFile(path, text(found.golden));
}
await rm(folder, { recursive: true });
process.exitCode = failed > 0 ? 1 : 0;

/** A module of the project. @param {string} path */
async function typescript(path) {
  return (await runnerImport(join(HERE, path))).module;
}

/** @param {ArchitectureCase} one */
function isWanted(one) {
  const matches = positionals.map((name) => (name.endsWith('*') ? one.name.startsWith(name.slice(0, -1)) : one.name === name));
  return matches.length === 0 || matches.includes(true);
}

/** @param {ArchitectureCase} one */
async function seek(one) {
  let best = await record(one, 1);
  for (let seed = 2; best.problem && seed <= LAST_SEED; seed++) {
    const next = await record(one, seed);
    if (!next.problem || next.margin > best.margin) best = next;
  }
  return best;
}

/** @param {ArchitectureCase} one  @param {number} seed  @returns {Promise<Recorded>} */
async function record(one, seed) {
  const file = caseFile(one, seed);
  const tensors = await expanded(file.tensors);
  const steps = await answer(writeGguf({ tensors, metadata: [...file.metadata, ...(one.onlyForLlamaCpp ?? [])] }));
  const greedyTokens = steps.map((step) => step.tokens[0] ?? -1);
  const margin = Math.min(...steps.map(({ logProbabilities: [first = NaN, second = NaN] }) => Math.exp(first) - Math.exp(second)));
  const golden = { name: one.name, madeBy, seed, fileHash: xxHash32(writeGguf(file)), promptTokens: promptTokens(), greedyTokens, steps };
  return { golden, margin, problem: problemOf(margin, greedyTokens) };
}

/** Every tensor as f32. @param {readonly WriterTensor[]} tensors */
async function expanded(tensors) {
  const blocks = tensors.filter(({ type }) => type !== 0);
  if (blocks.length === 0) return tensors;
  const counts = blocks.map(({ dimensions }) => dimensions.map(Number).reduce((product, dimension) => product * dimension, 1));
  const list = blocks.map(({ type, data }, index) => `${GGML_TYPES.get(type)?.name} ${counts[index]} ${data.byteLength}`);
  const [listPath = '', blocksPath = '', floatsPath = ''] = ['list', 'blocks', 'floats'].map((name) => join(folder, name));
  await writeFile(listPath, list.join('\n'));
  await writeFile(blocksPath, Buffer.concat(blocks.map(({ data }) => data)));
  execFileSync('python3', [join(HERE, 'expand.py'), ggmlLibrary, listPath, blocksPath, floatsPath]);
  const floats = await readFile(floatsPath);
  let at = 0;
  return tensors.map((tensor) => {
    if (tensor.type === 0) return tensor;
    const size = 4 * (counts[blocks.indexOf(tensor)] ?? 0);
    at += size;
    return { ...tensor, type: 0, data: floats.subarray(at - size, at) };
  });
}

/** @param {number} margin  @param {readonly number[]} greedyTokens */
function problemOf(margin, greedyTokens) {
  if (!Number.isFinite(margin)) return 'not a number';
  if (margin < LEAST_MARGIN) return 'a step is won by too little';
  if (greedyTokens.some((token) => token >= FIRST_SPECIAL_TOKEN)) return 'a special token';
  return new Set(greedyTokens).size < LEAST_DISTINCT ? 'the same tokens over and over' : '';
}

/** @param {Uint8Array} bytes  @returns {Promise<Step[]>} */
async function answer(bytes) {
  const modelPath = join(folder, 'model.gguf');
  await writeFile(modelPath, bytes);
  const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: false });
  const context = await model.createContext({
    contextSize: CONTEXT_LENGTH,
    batchSize: CONTEXT_LENGTH,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const sequence = context.getSequence();
  /** @type {Step[]} */
  const steps = [];
  for (let input = promptTokens(); steps.length < GREEDY_TOKEN_COUNT; input = [steps[steps.length - 1]?.tokens[0] ?? 0]) {
    const last = input.length - 1;
    const wanted = { generateNext: { logits: true, options: { temperature: 0 } } };
    const results = await sequence.controlledEvaluate(input.map((token, index) => (index === last ? [token, wanted] : token)));
    steps.push(mostProbable(results[last].next.logits));
  }
  await context.dispose();
  await model.dispose();
  return steps;
}

/** Best first, with six digits. @param {Map<number, number>} logits  @returns {Step} */
function mostProbable(logits) {
  const sorted = [...logits].sort(([, a], [, b]) => b - a);
  const greatest = sorted[0]?.[1] ?? NaN;
  const logSum = Math.log(sorted.reduce((sum, [, logit]) => sum + Math.exp(logit - greatest), 0));
  const best = sorted.slice(0, LOG_PROBABILITY_COUNT);
  return { tokens: best.map(([token]) => token), logProbabilities: best.map(([, logit]) => Number((logit - greatest - logSum).toFixed(6))) };
}

/** @param {Recorded} found  @param {string} check */
function describe({ golden, margin, problem }, check) {
  const parts = [golden.name.padEnd(32), `seed ${golden.seed}`, `margin ${margin.toFixed(3)}`, `tokens ${golden.greedyTokens.join(' ')}`, check];
  return [...parts, problem && `NOT FIT: ${problem}`].filter(Boolean).join('  ');
}

/** The greatest difference of a log-probability. @param {Golden} a  @param {Golden} b */
function distance(a, b) {
  if (a.fileHash !== b.fileHash || a.greedyTokens.join() !== b.greedyTokens.join()) return Infinity;
  const differences = a.steps.flatMap((step, index) => {
    const other = new Map(b.steps[index]?.tokens.map((token, place) => [token, b.steps[index]?.logProbabilities[place] ?? NaN]));
    return step.tokens.map((token, place) => Math.abs((step.logProbabilities[place] ?? NaN) - (other.get(token) ?? NaN)));
  });
  // The twentieth may be another one, by rounding.
  return Math.max(...differences.filter((difference) => !Number.isNaN(difference)));
}

/** One line per step. @param {Golden} golden */
function text({ steps, ...head }) {
  const lines = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  return ['{', ...lines, '  "steps": [', steps.map((step) => `    ${JSON.stringify(step)}`).join(',\n'), '  ]', '}', ''].join('\n');
}
