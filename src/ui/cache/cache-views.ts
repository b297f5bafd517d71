// The figures of <sluice-cache> as templates: hits, tiers, and the list of numbers. Pure.

import { html, type TemplateResult } from 'lit';
import type { EngineStats, ModelInfo, StorageReport, StoreRates } from '../../core/api';
import { formatBytes } from '../../core/units';
import { cssVars } from '../css-vars';
import { hitRate } from '../model/budget';
import { tierNames } from '../model/expert-usage';
import { formatCount, formatRate, formatShare } from '../model/format';

const STORE_NAMES: Readonly<Record<string, string>> = { opfs: 'Files (OPFS)', indexeddb: 'IndexedDB', memory: 'Memory only' };

export function rateView(stats: EngineStats): TemplateResult {
  const rate = hitRate(stats.expertHits, stats.expertMisses);
  return html`<dl class="rates numbers">
    <div>
      <dt>Hit rate</dt>
      <dd>${formatShare(rate)}</dd>
    </div>
    <div>
      <dt>Hits</dt>
      <dd>${formatCount(stats.expertHits)}</dd>
    </div>
    <div>
      <dt>Misses</dt>
      <dd>${formatCount(stats.expertMisses)}</dd>
    </div>
    <div>
      <dt>Halts</dt>
      <dd>${formatCount(stats.halts)}</dd>
    </div>
  </dl>`;
}

export function tiersView({ backend, bytesHeld, expertsHeld, bytesRead, bytesUploaded, budget }: EngineStats): TemplateResult {
  const names = tierNames(backend);
  const rows = [
    { tier: 'gpu', name: names.gpu, bytes: bytesHeld.gpuExperts, experts: expertsHeld.gpu, moved: bytesUploaded, verb: 'written' },
    { tier: 'ram', name: names.ram, bytes: bytesHeld.ram, experts: expertsHeld.ram, moved: bytesRead.ram, verb: 'read' },
    { tier: 'disk', name: names.disk, bytes: bytesHeld.disk, experts: expertsHeld.disk, moved: bytesRead.disk, verb: 'read' },
    { tier: 'network', name: names.network, bytes: undefined, experts: undefined, moved: bytesRead.network, verb: 'read' },
  ] as const;
  return html`<table class="tiers">
    <caption class="visually-hidden">
      Experts held by tier, and bytes moved in the last answer
    </caption>
    <thead>
      <tr>
        <th scope="col">Tier</th>
        <th scope="col">Held</th>
        <th scope="col" class="number">Experts</th>
        <th scope="col" class="number">Last answer</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            <th scope="row"><span class="swatch" data-tier=${row.tier}></span> ${row.name}</th>
            <td>
              ${
                row.bytes === undefined
                  ? html`<span class="soft">–</span>`
                  : html`<span class="bar" data-tier=${row.tier}
                        ><i ${cssVars({ '--share': (budget.expertTotalBytes ? Math.min(1, row.bytes / budget.expertTotalBytes) : 0).toFixed(4) })}></i></span
                      >${formatBytes(row.bytes)}`
              }
            </td>
            <td class="number">
              ${row.experts === undefined ? '–' : html`${formatCount(row.experts)}<span class="of"> / ${formatCount(expertsHeld.total)}</span>`}
            </td>
            <td class="number">${formatBytes(row.moved)} <span class="soft">${row.verb}</span></td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

export function figuresView(stats: EngineStats, model: ModelInfo | undefined): TemplateResult {
  const figures: ReadonlyArray<readonly [string, string]> = [
    ['Decode', `${formatRate(stats.decodeTokensPerSecond)} tokens/s`],
    ['Prefill', `${formatRate(stats.prefillTokensPerSecond)} tokens/s`],
    ['Dispatches per token', stats.dispatchesPerToken.toFixed(stats.dispatchesPerToken % 1 === 0 ? 0 : 1)],
    ['Readbacks per token', stats.readbacksPerToken.toFixed(2)],
    ['Trunk', formatBytes(stats.bytesHeld.gpuTrunk)],
    ['Cache and buffers', formatBytes(stats.bytesHeld.gpuOther)],
    ['Backend', stats.backend === 'webgpu' ? 'WebGPU' : 'CPU'],
    ['Adapter', stats.adapter],
    ['Expert store', STORE_NAMES[stats.store] ?? stats.store],
    ['Cache policy', stats.policy],
  ];
  const rates = storeRates(model?.storage, stats.store);
  const measured = rates
    ? ([
        ['Store reads', `${formatBytes(rates.readBytesPerSecond)}/s`],
        ['Store writes', `${formatBytes(rates.writeBytesPerSecond)}/s`],
      ] as const)
    : [];
  const repaired = stats.recordsRepaired > 0 ? ([['Records repaired', formatCount(stats.recordsRepaired)]] as const) : [];
  return html`<dl class="figures numbers" part="figures">
    ${[...figures, ...measured, ...repaired].map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** As measured when the store was chosen; undefined for memory, and when the choice was not left to a measurement. */
export function storeRates(storage: StorageReport | undefined, store: string): StoreRates | undefined {
  return store === 'opfs' || store === 'indexeddb' ? storage?.rates?.[store] : undefined;
}
