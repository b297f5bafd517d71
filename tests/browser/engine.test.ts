// The engine on WebGPU in Chromium.

import { goldenSuite } from '../engine/golden-suite';
import { webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';

const lab = createLab(webGpuBackend);

goldenSuite(lab, { nmse: 1e-5 });
