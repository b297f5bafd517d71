// SRP, the segment routing best performance of "Not All Models Suit Expert Offloading": how well "this expert is needed for the whole of the next m tokens" can
// fit what is really routed. For every expert and every window of m tokens (stride 1) let f be the tokens in it that use the expert, and n_f how many windows
// have f. Predicting "needed" for windows with f ≥ a gives TP = Σ_{f≥a} f·n_f of Σ_{f≥a} m·n_f predictions and Σ f·n_f uses:
//   F1(a) = 2·TP / (predictions + uses),   SRP = max over a.
// A group of experts (a layer, a model) adds its histograms first and has one threshold.

import { type Trace, routeOf } from '../trace';

export interface Srp {
  readonly srp: number;
  /** Predictions at the best threshold over uses: how much larger than the active set the cache would have to be. */
  readonly sizeRatio: number;
  readonly threshold: number;
}

/** Of the whole model, or of one layer. */
export function srp(trace: Trace, windowTokens: number, layer?: number): Srp {
  const histogram = new Float64Array(windowTokens + 1);
  const layers = layer === undefined ? Array.from({ length: trace.layerCount }, (_, index) => index) : [layer];
  for (const each of layers) addWindows(histogram, trace, each, windowTokens);
  return srpOfHistogram(histogram);
}

/** histogram: [f] windows with f uses, for f = 0 … m. */
export function srpOfHistogram(histogram: ArrayLike<number>): Srp {
  const windowTokens = histogram.length - 1;
  let uses = 0;
  for (let f = 0; f <= windowTokens; f++) uses += f * histogram[f]!;
  let best: Srp = { srp: 0, sizeRatio: 0, threshold: windowTokens };
  let truePositives = 0;
  let predictions = 0;
  for (let threshold = windowTokens; threshold >= 1 && uses > 0; threshold--) {
    truePositives += threshold * histogram[threshold]!;
    predictions += windowTokens * histogram[threshold]!;
    const f1 = (2 * truePositives) / (predictions + uses);
    if (f1 >= best.srp) best = { srp: f1, sizeRatio: predictions / uses, threshold };
  }
  return best;
}

/** Slides a window over the layer's tokens, with the uses in it per expert; windows that do not change an expert's count are counted with all others. */
function addWindows(histogram: Float64Array, trace: Trace, layer: number, windowTokens: number): void {
  const { tokenCount, expertCount } = trace;
  if (tokenCount < windowTokens) return;
  const uses = new Uint32Array(expertCount);
  for (let end = 0; end < tokenCount; end++) {
    for (const expert of routeOf(trace, end, layer)) uses[expert]!++;
    if (end >= windowTokens) for (const expert of routeOf(trace, end - windowTokens, layer)) uses[expert]!--;
    if (end >= windowTokens - 1) for (const count of uses) histogram[count]!++;
  }
}
