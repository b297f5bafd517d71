// npm run soak: an hour of generation (SOAK_MINUTES says otherwise).

import { memorySuite } from '../engine/memory-suite';
import { webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';

const minutes = Number(process.env['SOAK_MINUTES'] ?? 60);

memorySuite(createLab(webGpuBackend, minutes * 60_000 + 600_000), { warmUpLaps: 8, laps: 30, untilMs: minutes * 60_000, tokensPerAnswer: 60 });
