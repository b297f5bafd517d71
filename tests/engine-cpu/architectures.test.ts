import { architectureTests } from '../engine/architectures-suite';
import { cpuBackend } from '../support/engine-backends';

architectureTests(cpuBackend);
