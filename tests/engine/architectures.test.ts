// A fresh machine compiles every pipeline of every format once, which takes minutes: here the formats are a selection, and `npm run test:long` runs them all.
// The readers of all formats are held to each other bit for bit in tests/kernels/codecs.test.ts.

import '../support/on-swiftshader';
import { ARCHITECTURE_CASES, GOLDEN_CASES } from '../support/architectures/index';
import { webGpuBackend } from '../support/engine-backends';
import { architectureTests } from './architectures-suite';

const SELECTED_FORMATS: readonly string[] = ['qwen3moe-mixed', 'gpt-oss-mxfp4'];

architectureTests(webGpuBackend, [...ARCHITECTURE_CASES, ...GOLDEN_CASES.filter(({ name }) => SELECTED_FORMATS.includes(name))]);
