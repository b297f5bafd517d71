// The results of the simulator as templates: the curves as a picture, the same as a table, and the figures at the budget in force.

import { html, nothing, svg, type TemplateResult } from 'lit';
import { formatBytes } from '../../core/units';
import type { SimulationResult } from '../../scheduler/simulator';
import { drawCurves } from '../draw/curve';
import { formatDuration } from '../model/answer-times';
import { formatCount, formatRate, formatShare } from '../model/format';
import { BOUND_POLICY, type CurveName, PLAIN_POLICY, slotSteps } from '../model/simulation';
import { describeMore, describeVerdict, type Results, totalBytes, verdictFigures } from './results';

const CURVES: readonly CurveName[] = ['bound', 'policy', 'plain'];
const HEIGHT = 190;

function curveTitle(name: CurveName, { spec }: Results): string {
  if (name === 'bound') return 'No policy can do better (Belady)';
  if (name === 'plain') return `Plain least recently used (${PLAIN_POLICY})`;
  return spec.predictor === undefined ? spec.policy : `${spec.policy}, predicting with ${spec.predictor}`;
}

export function curvesView(results: Results, width: number): TemplateResult {
  const { spec, points } = results;
  const picture = drawCurves({
    width,
    height: HEIGHT,
    totalBytes: totalBytes(spec),
    curves: Object.fromEntries(
      CURVES.map((name) => [name, points[name].map(({ slotCount, hitRate }) => ({ bytes: slotCount * spec.slotBytes, value: hitRate }))]),
    ),
    marks: { now: spec.gpuBytes },
  });
  const { field, marks } = picture;
  const now = marks['now'] ?? 0;
  const isLeft = now < (field.left + field.right) / 2;
  return html`<svg part="curves" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${summary(results)}>
      ${picture.yTicks.map(
        ({ y, value }) =>
          svg`<line class="grid" x1=${field.left} x2=${field.right} y1=${y} y2=${y} /><text class="y" x=${field.left - 5} y=${y + 3.5}>${value * 100} %</text>`,
      )}
      ${picture.xTicks.map(
        ({ x, bytes }, i) =>
          svg`<text class=${i === 0 ? 'first' : i === picture.xTicks.length - 1 ? 'last' : 'x'} x=${x} y=${HEIGHT - 5}>${formatBytes(bytes)}</text>`,
      )}
      <g>
        ${svg`<line class="now" x1=${now} x2=${now} y1=${field.top} y2=${field.bottom} />
          <text class=${isLeft ? 'now-right' : 'now-left'} x=${now + (isLeft ? 4 : -4)} y=${field.bottom - 5}>now</text>`}
      </g>
      ${CURVES.map((name) => svg`<path class="curve" data-curve=${name} d=${picture.paths[name]} />`)}
      ${(picture.dots['policy'] ?? []).map(({ x, y }) => svg`<circle class="dot" cx=${x} cy=${y} r="2" />`)}
    </svg>
    <ul class="legend" aria-hidden="true">
      ${CURVES.map((name) => html`<li><i data-curve=${name}></i>${curveTitle(name, results)}</li>`)}
    </ul>`;
}

function summary(results: Results): string {
  const { spec, points, here } = results;
  const [first, last] = [points.policy[0], points.policy.at(-1)];
  const at = (result: SimulationResult) => `${formatShare(result.hitRate)} at ${formatBytes(result.slotCount * spec.slotBytes)}`;
  const range = first && last ? ` It rises from ${at(first)} to ${at(last)}.` : '';
  const now = here ? ` Now: ${at(here.result)}.` : '';
  return `Hit rate against GPU memory for experts with the policy ${spec.policy}.${range}${now} The table below has all numbers.`;
}

export function figuresAt({ here, spec }: Results): TemplateResult | typeof nothing {
  if (!here) return nothing;
  const { result } = here;
  const figures: ReadonlyArray<readonly [string, string]> = [
    ['Hit rate', formatShare(result.hitRate)],
    ['Tokens/s', formatRate(result.tokensPerSecond)],
    ['Stalls', formatCount(result.stalls)],
    ['Brought in', formatBytes(result.bytes)],
  ];
  return html`<h3>With the present budget of ${formatBytes(Math.min(spec.gpuBytes, totalBytes(spec)))}</h3>
    <dl class="rates numbers">
      ${figures.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${
      result.prefetch
        ? html`<p class="soft">
            The predictor had ${formatCount(result.prefetch.loads)} experts brought in, ${formatShare(result.prefetch.usefulRatio)} of them useful; that saved
            ${formatDuration(result.prefetch.stallMsAvoided)} of waiting and wasted ${formatBytes(result.prefetch.wastedBytes)}.
          </p>`
        : nothing
    }
    <p class="more">${describeMore(here)}</p>`;
}

export function verdictView({ verdict }: Results): TemplateResult | typeof nothing {
  return verdict
    ? html`<p class="verdict">${describeVerdict(verdict.verdict)} <span class="soft numbers">${verdictFigures(verdict.verdict, verdict.reuse)}.</span></p>`
    : nothing;
}

export function pointsTable({ spec, points }: Results): TemplateResult {
  const rate = (name: CurveName, i: number) => formatShare(points[name][i]?.hitRate ?? NaN);
  return html`<table>
    <caption class="visually-hidden">
      Hit rate by GPU memory, and speed and stalls with the chosen policy
    </caption>
    <thead>
      <tr>
        <th scope="col">Memory</th>
        <th scope="col" class="number">${spec.policy}</th>
        <th scope="col" class="number">${PLAIN_POLICY}</th>
        <th scope="col" class="number">${BOUND_POLICY}</th>
        <th scope="col" class="number">Tokens/s</th>
        <th scope="col" class="number">Stalls</th>
        <th scope="col" class="number">Bytes</th>
      </tr>
    </thead>
    <tbody>
      ${slotSteps(spec.trace).map((slots, i) => {
        const point = points.policy[i];
        return html`<tr data-slots=${slots}>
          <th scope="row">${formatBytes(slots * spec.slotBytes)}</th>
          <td class="number">${rate('policy', i)}</td>
          <td class="number">${rate('plain', i)}</td>
          <td class="number">${rate('bound', i)}</td>
          <td class="number">${point ? formatRate(point.tokensPerSecond) : '–'}</td>
          <td class="number">${point ? formatCount(point.stalls) : '–'}</td>
          <td class="number">${point ? formatBytes(point.bytes) : '–'}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}
