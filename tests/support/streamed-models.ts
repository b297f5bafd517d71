import type { StreamedModel } from '../engine/streaming-suite';
import { demoSource } from './demo-model';
import { randomModelSource, titleOf } from './random-model';
import { drawModel } from './streaming-case';

type Lengths = Pick<StreamedModel, 'promptLengths' | 'tokenCount'>;

export function streamedRandomModel(seed: number, lengths: Lengths): StreamedModel {
  const model = drawModel(seed);
  return { title: titleOf(model), seed, source: async () => randomModelSource(model), vocabulary: 256, ...lengths };
}

export function streamedDemoModel(seed: number, lengths: Lengths): StreamedModel {
  return { title: 'the demo model', seed, source: demoSource, vocabulary: 4092, ...lengths };
}
