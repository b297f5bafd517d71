// Every number of selected experts from 1 to 16, of 1, 7, 64 and 512 experts.

import { SWEEP_MODELS } from '../support/random-model';
import { agreementSuite } from './agreement-suite';

agreementSuite(SWEEP_MODELS);
