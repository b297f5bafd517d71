import { webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { budgetSuite } from './budget-suite';
import { dispatchSuite } from './dispatch-suite';
import { goldenSuite } from './golden-suite';
import { memorySuite } from './memory-suite';
import { statsSuite } from './stats-suite';

const lab = createLab(webGpuBackend);

goldenSuite(lab, { nmse: 1e-5 });
budgetSuite(lab, { domains: ['code', 'french'], tokenCount: 32, longPromptLength: 135 });
dispatchSuite(lab);
statsSuite(lab);
memorySuite(lab, { warmUpLaps: 4, laps: 6, tokensPerAnswer: 12 });
