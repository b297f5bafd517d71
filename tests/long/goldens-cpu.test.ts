import { architectureTests } from '../engine/architectures-suite';
import { GOLDEN_CASES } from '../support/architectures/index';
import { cpuBackend } from '../support/engine-backends';

architectureTests(cpuBackend, GOLDEN_CASES);
