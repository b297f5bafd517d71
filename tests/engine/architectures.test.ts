import { webGpuBackend } from '../support/engine-backends';
import { architectureTests } from './architectures-suite';

architectureTests(webGpuBackend);
