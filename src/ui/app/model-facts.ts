// What a model is, as a list of facts. Pure templates.

import { html, type TemplateResult } from 'lit';
import type { ModelInfo } from '../../core/api';
import { formatBytes } from '../../core/units';
import { formatCount, formatParameters } from '../model/format';

export function modelFacts(model: ModelInfo): TemplateResult {
  const routed = model.expertCounts.filter((count) => count > 0);
  const perLayer = Math.max(0, ...routed);
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['Name', model.name],
    ['Architecture', model.architecture],
    ['Parameters', formatParameters(model.parameterCount)],
    ['Layers', `${model.layerCount}${routed.length < model.layerCount ? `, ${routed.length} with experts` : ''}`],
    ['Experts', `${formatCount(perLayer)} per layer, ${model.expertsPerToken} per token`],
    ['One expert', formatBytes(model.expertBytes)],
    ['All experts', formatBytes(model.expertTotalBytes)],
    ['Trunk', formatBytes(model.trunkBytes)],
    ['Hidden size', formatCount(model.hiddenSize)],
    ['Vocabulary', formatCount(model.vocabularySize)],
    ['Context', `${formatCount(model.contextLength)} tokens`],
    ['Source', model.source],
  ];
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** "21 M · 6 × 32 experts · WebGPU". */
export function modelSummary(model: ModelInfo): string {
  const perLayer = Math.max(0, ...model.expertCounts);
  return `${formatParameters(model.parameterCount)} · ${model.layerCount} × ${perLayer} experts · ${model.backend === 'webgpu' ? 'WebGPU' : 'CPU'}`;
}
