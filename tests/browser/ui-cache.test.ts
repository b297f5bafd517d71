import { afterEach, expect, test } from 'vitest';
import '../../src/ui/sluice-cache';
import { EngineError } from '../../src/core/errors';
import type { SluiceCache } from '../../src/ui/sluice-cache';
import { ScriptedEngine, type Script } from '../support/scripted-engine';
import { expectAccessible, find, mount, textOf, unmountAll, until } from '../support/ui-page';

afterEach(unmountAll);

async function cacheWith(engine: ScriptedEngine, width = 420): Promise<SluiceCache> {
  const element = document.createElement('sluice-cache');
  element.engine = engine;
  mount(element, width);
  await until(() => element.shadowRoot?.querySelector('input[type=range]'), 'slider');
  return element;
}

async function answer(engine: ScriptedEngine): Promise<void> {
  for await (const _ of await engine.completions.create({ prompt: 'Once upon a time', stream: true }));
}

function slide(element: SluiceCache, percent: number): void {
  const slider = find(element, 'input[type=range]', HTMLInputElement);
  slider.value = String(percent);
  slider.dispatchEvent(new Event('input'));
}

const engineWith = (script: Script = {}): ScriptedEngine => new ScriptedEngine({ answer: 'one two three four five', ...script });

test('shows the figures of the engine, and new ones after an answer', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  expect(textOf(element)).toMatch(/Hit rate\s+–/);
  await answer(engine);
  const { expertHits, expertMisses, halts } = await engine.stats();
  expect(expertMisses).toBeGreaterThan(0);
  await until(() => textOf(find(element, '.rates')).replace(/\s+/g, ' ').includes(`Hits ${expertHits} Misses ${expertMisses} Halts ${halts}`), 'figures');
  const text = textOf(element).replace(/\s+/g, ' ');
  expect(text).toContain('Dispatches per token 51');
  expect(text).toContain('Expert store IndexedDB');
  expect(text).toContain('Adapter scripted');
});

test('the slider sets the budget once it rests, while the engine is at work', async () => {
  const engine = engineWith({ msPerToken: 200 });
  const element = await cacheWith(engine);
  const writing = answer(engine);
  for (const percent of [80, 60, 50]) slide(element, percent);
  await element.updateComplete;
  expect(textOf(find(element, 'output'))).toMatch(/10\.0 MB\s+of 20\.1 MB · 50 %/);
  await until(() => engine.budgetsSet.length > 0, 'budget');
  await writing;
  expect(engine.budgetsSet).toEqual(['50%']);
  expect(find(element, 'input[type=range]', HTMLInputElement).value).toBe('50');
});

test('warns below the experts of one token, and marks that place', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  const advice = () => find(element, '#advice').dataset['advice'];
  expect(advice()).toBe('resident');
  slide(element, 13);
  await element.updateComplete;
  expect(advice()).toBe('streams');
  slide(element, 12);
  await element.updateComplete;
  expect(advice()).toBe('below-cycle');
  expect(textOf(find(element, '#advice'))).toContain('Less than the experts of one token');
  const [mark, slider] = [find(element, '.cliff').getBoundingClientRect(), find(element, 'input[type=range]').getBoundingClientRect()];
  expect((mark.left + 1 - slider.left - 8) / (slider.width - 16)).toBeCloseTo((12.5 - 5) / 95, 2);
});

test('a budget that cannot be set is said, and the slider returns', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  const errors: string[] = [];
  element.addEventListener('sluice-error', (event) => errors.push(event.detail.error.code));
  engine.setBudget = () => Promise.reject(new EngineError('out-of-memory', 'No room for the slots.', 'Choose less.'));
  slide(element, 90);
  await until(() => textOf(element).includes('No room for the slots.'), 'error');
  await element.updateComplete;
  expect(errors).toEqual(['out-of-memory']);
  expect(find(element, 'input[type=range]', HTMLInputElement).value).toBe('100');
});

test('shows the notices of the model', async () => {
  const element = await cacheWith(engineWith({ model: { notices: ['Storage is not persistent.'] } }));
  expect(textOf(element)).toContain('Storage is not persistent.');
});

test.each([320, 520])('is accessible and fits into %i px', async (width) => {
  const engine = engineWith();
  const element = await cacheWith(engine, width);
  await answer(engine);
  await expectAccessible(element);
  expect(element.scrollWidth).toBeLessThanOrEqual(element.clientWidth);
});
