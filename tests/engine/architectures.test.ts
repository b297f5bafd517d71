// A fresh machine compiles every pipeline of every format once, which takes minutes: here the formats are a selection, and `npm run test:goldens` runs them all.
// The readers of all formats are held to each other bit for bit in tests/kernels/codecs.test.ts.

import { ARCHITECTURE_CASES, GOLDEN_CASES } from '../support/architectures/index';
import { webGpuBackend } from '../support/engine-backends';
import { architectureTests } from './architectures-suite';

const SELECTED_FORMATS: readonly string[] = ['qwen3moe-mixed', 'gpt-oss-mxfp4'];

const isComplete = process.env['ALL_GOLDENS'] === '1';
architectureTests(webGpuBackend, isComplete ? GOLDEN_CASES : [...ARCHITECTURE_CASES, ...GOLDEN_CASES.filter(({ name }) => SELECTED_FORMATS.includes(name))]);
