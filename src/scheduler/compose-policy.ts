// A ranking and quotas as one policy, which also keeps the profile and tells when orders may have changed.

import { assert } from '../core/assert';
import { ExpertProfile } from './expert-profile';
import type { PolicyShape, Quotas, Ranking, ResidencyPolicy } from './policy';

export function composePolicy(name: string, shape: PolicyShape, ranking: Ranking, quotas: Quotas): ResidencyPolicy {
  const profile = new ExpertProfile(shape);
  const versions = new Uint32Array(shape.layerCount);
  return {
    name,
    shape,
    versions,
    touch(layer, experts, weights) {
      assert(layer >= 0 && layer < shape.layerCount, `layer ${layer} of ${shape.layerCount}`);
      versions[layer]!++;
      ranking.touch(layer, experts, weights);
      quotas.touch(layer, experts);
      profile.touch(layer, experts);
    },
    value: (layer, expert) => ranking.value(layer, expert),
    shares: (layers, slotCount) => quotas.shares(layers, slotCount),
    profile: () => profile.usesPerToken(),
    seed(earlier) {
      assert(earlier.length === shape.layerCount * shape.expertCount, 'a profile of another model');
      versions.forEach((version, layer) => (versions[layer] = version + 1));
      ranking.seed(earlier);
      profile.seed(earlier);
    },
  };
}
