import { streamingSuite } from '../engine/streaming-suite';
import { cpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { streamedRandomModel } from '../support/streamed-models';

// A part of what `npm run soak` runs.
streamingSuite(
  createLab(cpuBackend),
  [1, 2, 3].map((seed) => streamedRandomModel(seed, { promptLengths: [1, 17, 130], tokenCount: 6 })),
  9,
);
