// npm run soak: twenty random models and the demo model, every policy at every budget, on the CPU and on WebGPU.

import { describe } from 'vitest';
import { streamingSuite } from '../engine/streaming-suite';
import { cpuBackend, webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { streamedDemoModel, streamedRandomModel } from '../support/streamed-models';

const TIMEOUT_MS = 3_600_000;

const RANDOM = Array.from({ length: 20 }, (_, i) => streamedRandomModel(i + 1, { promptLengths: [1, 64, 65, 200, 600], tokenCount: 12 }));
const DEMO = streamedDemoModel(1, { promptLengths: [1, 33, 200, 600], tokenCount: 12 });

describe('CPU', () => {
  streamingSuite(createLab(cpuBackend, TIMEOUT_MS), [...RANDOM, DEMO]);
});
// Each model compiles its own variants of the kernels there, and what differs between models is not the backend's business.
describe('WebGPU', () => {
  streamingSuite(createLab(webGpuBackend, TIMEOUT_MS), [DEMO, ...RANDOM.slice(0, 5)], 3);
});
