import { budgetSuite } from '../engine/budget-suite';
import { dispatchSuite } from '../engine/dispatch-suite';
import { goldenSuite } from '../engine/golden-suite';
import { statsSuite } from '../engine/stats-suite';
import { cpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';

const lab = createLab(cpuBackend);

goldenSuite(lab, { nmse: 1e-6 });
budgetSuite(lab, { domains: ['code'], tokenCount: 16, longPromptLength: 20 });
dispatchSuite(lab);
statsSuite(lab);
