import { randomModelSuite } from '../engine/random-model-suite';
import { cpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { MORE_RANDOM_MODELS, RANDOM_MODELS } from '../support/random-model';

randomModelSuite(createLab(cpuBackend), [...RANDOM_MODELS, ...MORE_RANDOM_MODELS]);
