import { interruptionSuite } from '../engine/interruption-suite';
import { routingSuite } from '../engine/routing-suite';
import { samplingSuite } from '../engine/sampling-suite';
import { stoppingSuite } from '../engine/stopping-suite';
import { cpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';

const lab = createLab(cpuBackend);

samplingSuite(lab);
stoppingSuite(lab);
interruptionSuite(lab);
routingSuite(lab);
