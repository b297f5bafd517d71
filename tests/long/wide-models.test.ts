// The far ends of the shapes: 512 experts of which 16 are selected, hidden sizes of 2,048, prompts of 1,000 tokens.

import { WIDE_MODELS } from '../support/random-model';
import { agreementSuite } from './agreement-suite';

agreementSuite(WIDE_MODELS);
