import { webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { goldenSuite } from './golden-suite';

const lab = createLab(webGpuBackend);

goldenSuite(lab, { nmse: 1e-5 });
