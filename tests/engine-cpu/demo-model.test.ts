import { goldenSuite } from '../engine/golden-suite';
import { cpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';

const lab = createLab(cpuBackend);

goldenSuite(lab, { nmse: 1e-6 });
