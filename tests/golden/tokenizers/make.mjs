// Records how llama.cpp reads the texts of tests/support/tokenizer-cases.ts with each of the vocabularies there: tokenizers.json beside this script. Needs node-llama-cpp
// in a folder outside the project, as tests/golden/architectures/make.mjs says:
//
//   node tests/golden/tokenizers/make.mjs --llama ../llama

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({ options: { llama: { type: 'string' } } });
if (!options.llama) throw new Error('--llama names the folder that node-llama-cpp is installed in');

/** @type {typeof import('../../support/tokenizer-cases')} */
const { TEXTS, TOKENIZER_CASES, tokenizerFile } = (await runnerImport(join(HERE, '../../support/tokenizer-cases.ts'))).module;
const nodeLlamaCpp = createRequire(resolve(options.llama, 'package.json')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(nodeLlamaCpp).href);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: LlamaLogLevel.error });
const folder = await mkdtemp(join(tmpdir(), 'golden-'));

const cases = [];
for (const one of TOKENIZER_CASES) {
  const modelPath = join(folder, `${one.name}.gguf`);
  await writeFile(modelPath, tokenizerFile(one));
  const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: false, vocabOnly: true });
  cases.push({ name: one.name, addBos: model.tokens.shouldPrependBosToken, plain: TEXTS.map((text) => model.tokenize(text, false)), special: TEXTS.map((text) => model.tokenize(text, true)) });
  await model.dispose();
}
await rm(folder, { recursive: true });
const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(',\n');
await writeFile(join(HERE, 'tokenizers.json'), `{\n  "madeBy": "llama.cpp ${llama.llamaCppRelease.release}",\n  "cases": [\n${lines}\n  ]\n}\n`);
