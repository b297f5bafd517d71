// A model's description as lists and tables. Pure templates.

import { html, nothing, type TemplateResult } from 'lit';
import { CLASS_TITLES, type ModelDescription, type TensorClass, describeLayers, layerRanges } from '../../core/model-description';
import { formatBytes } from '../../core/units';
import { formatCount, formatShare } from '../model/format';

type Facts = ReadonlyArray<readonly [name: string, value: string]>;

export function descriptionView(description: ModelDescription): TemplateResult {
  const { architecture, layers, routers, experts, tokenizer, template } = description;
  return html`
    <h3>Structure</h3>
    ${list([
      ['Architecture', architecture],
      ['Layers', `${layers.length}: ${describeLayers(layers)}`],
      ['Experts', experts.layers === 0 ? 'none' : `${formatCount(experts.perLayer)} per layer, ${experts.perToken} per token, in ${experts.layers} layers`],
      ['One expert', formatBytes(experts.bytesPerExpert)],
      ['All experts', formatBytes(experts.totalBytes)],
    ])}
    ${routers.map(
      ({ layers: indices, router }, i) =>
        html`<h3 id="router-${i}">${routers.length === 1 ? 'Router' : `Router of layers ${layerRanges(indices)}`}</h3>
          <pre class="router" tabindex="0" role="region" aria-labelledby="router-${i}">${JSON.stringify(router, null, 2)}</pre>`,
    )}
    <h3>Bytes in the file</h3>
    ${list(classFacts(description))}
    <h3>Tensor types</h3>
    ${list(Object.entries(description.bytesByType).map(([type, { count, bytes }]) => [`${type} × ${formatCount(count)}`, formatBytes(bytes)]))}
    <h3>Tokenizer</h3>
    ${list([
      ['Kind', tokenizer.model ?? 'not named'],
      ['Splitting', tokenizer.pre ?? 'default'],
      ['Vocabulary', `${formatCount(tokenizer.vocabularySize)} tokens`],
      ['Stop tokens', tokenizer.stopTokens.map(({ id, text }) => `${text} (${id})`).join(', ') || 'none'],
    ])}
    <h3 id="template">Chat template</h3>
    ${
      template
        ? html`<pre class="template" tabindex="0" role="region" aria-labelledby="template">${template.text}</pre>
            ${template.text.length < template.length ? html`<p>The first ${formatCount(template.text.length)} of ${formatCount(template.length)} characters.</p>` : nothing}`
        : html`<p>None: prompts are continued as they stand.</p>`
    }
    <h3 id="needs">GPU memory by budget</h3>
    ${needsTable(description)}
  `;
}

function classFacts({ bytesByClass }: ModelDescription): Facts {
  const entries = Object.entries(bytesByClass).filter(([, bytes]) => bytes > 0);
  const total = entries.reduce((sum, [, bytes]) => sum + bytes, 0);
  return entries.map(([name, bytes]) => [capitalized(CLASS_TITLES[name as TensorClass]), `${formatBytes(bytes)} · ${formatShare(bytes / total)}`]);
}

function needsTable({ needs, experts }: ModelDescription): TemplateResult {
  const fixed = needs.budgets[0];
  const isTight = needs.budgets.some(({ holdsTokenCycle }) => !holdsTokenCycle);
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="needs">
      <table class="needs">
        <thead>
          <tr>
            <th scope="col">Budget</th>
            <th scope="col" class="number">Experts</th>
            <th scope="col" class="number">Size</th>
            <th scope="col" class="number">In all</th>
          </tr>
        </thead>
        <tbody>
          ${needs.budgets.map(
            ({ percent, slotCount, slotBytes, totalBytes, holdsTokenCycle }) =>
              html`<tr>
                <th scope="row">${percent} %${holdsTokenCycle ? nothing : ' *'}</th>
                <td class="number">${formatCount(slotCount)}</td>
                <td class="number">${formatBytes(slotBytes)}</td>
                <td class="number">${formatBytes(totalBytes)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      fixed
        ? html`<p>
            In all: experts, the trunk (${formatBytes(fixed.trunkBytes)}) and the cache of ${formatCount(needs.contextLength)} tokens
            (${formatBytes(fixed.cacheBytes)}). Working buffers are not counted.
          </p>`
        : nothing
    }
    ${isTight && experts.layers > 0 ? html`<p>* Less than the experts of one token: most tokens wait for experts.</p>` : nothing}`;
}

function list(facts: Facts): TemplateResult {
  return html`<dl>
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
