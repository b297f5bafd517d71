import { architectureTests } from '../engine/architectures-suite';
import { ARCHITECTURE_CASES } from '../support/architectures/index';
import { cpuBackend } from '../support/engine-backends';

// Formats are wider and slow in plain loops: `npm run test:long` runs them all, as on WebGPU.
architectureTests(cpuBackend, ARCHITECTURE_CASES);
