import { architectureTests } from '../engine/architectures-suite';
import { GOLDEN_CASES } from '../support/architectures/index';
import { webGpuBackend } from '../support/engine-backends';

architectureTests(webGpuBackend, GOLDEN_CASES);
