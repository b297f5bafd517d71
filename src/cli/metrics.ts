// metrics: what a routing trace says of a model, as numbers: whether it suits offloading, and of each layer how it uses its experts.

import { type Trace } from '../probe/trace';
import { routingDivergence } from '../probe/metrics/divergence';
import { chunkSparsity, loadImbalance, reuseRatio } from '../probe/metrics/load';
import { offloadingVerdict } from '../probe/metrics/offloading';
import { srp } from '../probe/metrics/srp';
import { invalidArgument } from './arguments';
import type { TerminalIo } from './io';
import { markdownTable } from './markdown-table';
import { openTrace } from './open-trace';

export interface MetricsCommand {
  readonly file: string;
  readonly json: boolean;
  /** Another trace of the same model. */
  readonly against?: string;
  readonly tokens?: number;
}

const WINDOW_TOKENS = 16;
const CHUNKS_TOKENS = [1, 8, 32] as const;

interface LayerMetrics {
  readonly layer: number;
  readonly srp16: number;
  readonly reuse: number;
  readonly entropy: number;
  readonly loadDeviationPercent: number;
  readonly loadMaxViolation: number;
  /** Of the layer's mean routes in the two traces, in nats. */
  readonly divergence?: number;
}

export function printMetrics({ file, json, against, tokens }: MetricsCommand, io: TerminalIo): void {
  const trace = openTrace(file, tokens);
  const other = against === undefined ? undefined : openTrace(against, tokens);
  if (other && !isOfOneModel(trace, other)) {
    throw invalidArgument(`${file} and ${against} are of different models.`, 'Give two traces with the same layers and experts.');
  }
  const { layerCount, expertCount, topK, tokenCount } = trace;
  const { verdict, srp16, sch16 } = offloadingVerdict(trace);
  const sparsity = CHUNKS_TOKENS.map((chunkTokens) => ({ chunkTokens, sparsity: chunkSparsity(trace, chunkTokens) }));
  const reuse = reuseRatio(trace);
  const layers = Array.from({ length: layerCount }, (_, layer) => metricsOf(trace, layer, other));
  if (json) {
    io.out(`${JSON.stringify({ trace: { layerCount, expertCount, topK, tokenCount }, verdict, srp16, sch16, reuse, sparsity, layers })}\n`);
    return;
  }
  const oracle = sch16.map(({ cacheRatio, hitRate }) => `${hitRate.toFixed(3)} with ${cacheRatio * topK} slots a layer`).join(', ');
  const unused = sparsity.map(({ chunkTokens, sparsity: share }) => `${share.toFixed(3)} (${chunkTokens})`).join(', ');
  io.out(`${tokenCount} tokens, ${layerCount} layers, ${topK} of ${expertCount} experts\n`);
  io.out(`Offloading: ${verdict}. SRP(16) ${srp16.toFixed(3)}; SCH(16) ${oracle}.\n`);
  io.out(`Experts that the next token uses again: ${reuse.toFixed(3)}. Experts that no token of a chunk (tokens) uses: ${unused}.\n\n`);
  io.out(tableOf(layers));
}

function metricsOf(trace: Trace, layer: number, other: Trace | undefined): LayerMetrics {
  const { entropy, deviationPercent, maxViolation } = loadImbalance(trace, layer);
  return {
    layer,
    srp16: srp(trace, WINDOW_TOKENS, layer).srp,
    reuse: reuseRatio(trace, layer),
    entropy,
    loadDeviationPercent: deviationPercent,
    loadMaxViolation: maxViolation,
    ...(other && { divergence: routingDivergence(trace, other, layer) }),
  };
}

function tableOf(layers: readonly LayerMetrics[]): string {
  const hasDivergence = layers.some(({ divergence }) => divergence !== undefined);
  const heads = ['layer', 'SRP(16)', 'reuse', 'entropy', 'load deviation %', 'largest load over mean', ...(hasDivergence ? ['divergence'] : [])];
  const rows = layers.map(({ layer, srp16, reuse, entropy, loadDeviationPercent, loadMaxViolation, divergence }) => [
    String(layer),
    ...[srp16, reuse, entropy, loadDeviationPercent, loadMaxViolation, ...(divergence === undefined ? [] : [divergence])].map((value) => value.toFixed(3)),
  ]);
  return markdownTable(heads, rows);
}

function isOfOneModel(one: Trace, other: Trace): boolean {
  return one.layerCount === other.layerCount && one.expertCount === other.expertCount && one.topK === other.topK;
}
