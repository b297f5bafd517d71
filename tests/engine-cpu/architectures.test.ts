import { architectureTests } from '../engine/architectures-suite';
import { ARCHITECTURE_CASES, GOLDEN_CASES } from '../support/architectures/index';
import { cpuBackend } from '../support/engine-backends';

// Formats are wider and slow in plain loops: `npm run test:goldens` runs them all, as on WebGPU.
architectureTests(cpuBackend, process.env['ALL_GOLDENS'] === '1' ? GOLDEN_CASES : ARCHITECTURE_CASES);
