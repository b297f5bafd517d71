// The heatmap in words: a table of the layers, or of one layer's experts.

import { html, type TemplateResult } from 'lit';
import { TIERS } from '../../core/routing-frame';
import { formatCount, formatShare } from '../model/format';
import type { CellNumbers, ExpertUsage, TierNames } from '../model/expert-usage';

export function layersTable(usage: ExpertUsage, names: TierNames): TemplateResult {
  const layers = Array.from({ length: usage.layerCount }, (_, layer) => usage.layer(layer));
  return html`<table>
    <caption class="visually-hidden">
      Experts by layer: where they are, how often they were used, how often they were missing on the GPU
    </caption>
    <thead>
      <tr>
        <th scope="col">Layer</th>
        ${TIERS.map((tier) => html`<th scope="col" class="number">${names[tier]}</th>`)}
        <th scope="col" class="number">Uses</th>
        <th scope="col" class="number">Misses</th>
        <th scope="col">Busiest experts</th>
      </tr>
    </thead>
    <tbody>
      ${layers.map(
        (layer) =>
          html`<tr>
            <th scope="row">${layer.layer}</th>
            ${layer.byTier.map((count) => html`<td class="number">${count}</td>`)}
            <td class="number">${formatCount(layer.useCount)}</td>
            <td class="number">${formatCount(layer.missCount)}</td>
            <td>${layer.busiest.map((cell) => `${cell.expert} (${formatShare(cell.share)})`).join(', ') || '–'}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

export function expertsTable(usage: ExpertUsage, layer: number, names: TierNames): TemplateResult {
  const cells: CellNumbers[] = Array.from({ length: usage.expertCount }, (_, expert) => usage.cell(layer, expert));
  return html`<table>
    <caption class="visually-hidden">
      Experts of layer ${layer}
    </caption>
    <thead>
      <tr>
        <th scope="col">Expert</th>
        <th scope="col">Where</th>
        <th scope="col" class="number">Uses</th>
        <th scope="col" class="number">Share</th>
        <th scope="col" class="number">Misses</th>
        <th scope="col" class="number">Tokens since</th>
      </tr>
    </thead>
    <tbody>
      ${cells.map(
        (cell) =>
          html`<tr>
            <th scope="row">${cell.expert}</th>
            <td>${cell.tier ? names[cell.tier] : '–'}</td>
            <td class="number">${formatCount(cell.useCount)}</td>
            <td class="number">${formatShare(cell.share)}</td>
            <td class="number">${formatCount(cell.missCount)}</td>
            <td class="number">${cell.tokensSinceUse ?? '–'}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
