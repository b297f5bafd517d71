import { afterEach, expect, test } from 'vitest';
import '../../src/ui/sluice-cache';
import { EngineError } from '../../src/core/errors';
import { formatDuration } from '../../src/ui/model/answer-times';
import type { SluiceCache } from '../../src/ui/sluice-cache';
import { ScriptedEngine, type Script } from '../support/scripted-engine';
import { allWithin, button, expectAccessible, find, hasButton, mount, textOf, unmountAll, until } from '../support/ui-page';

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
  expect(text).toContain('Cache policy forecast');
});

test('shows the rates of the store where they were measured', async () => {
  const rates = { readBytesPerSecond: 4.1e8, writeBytesPerSecond: 9e7 };
  const element = await cacheWith(engineWith({ model: { storage: { kind: 'indexeddb', rates: { indexeddb: rates, opfs: rates } } } }));
  expect(textOf(find(element, '.figures'))).toContain('Store reads 410 MB/s Store writes 90.0 MB/s');
});

test('shows where the time of the last answer went', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  const times = find(element, 'sluice-times');
  expect(textOf(times)).toBe('Nothing has been answered yet.');
  await answer(engine);
  await until(() => allWithin(times, 'tbody tr').length === 7, 'seven parts');
  const { elapsedMs, halts } = await engine.stats();
  const shares = allWithin(times, '.share').map((cell) => parseFloat(textOf(cell)));
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, -0.5);
  expect(textOf(times)).toContain(`Where the ${formatDuration(elapsedMs)} of the answer went`);
  expect(textOf(times)).toContain(`It halted ${halts} times for missing experts; without looking ahead it would have been ${2 * halts}.`);
  const bar = find(times, '.bar').getBoundingClientRect();
  const widths = allWithin(times, '.bar i').map((part) => part.getBoundingClientRect().width);
  expect(widths.reduce((sum, width) => sum + width, 0)).toBeCloseTo(bar.width - (widths.length - 1), 0);
  expect(widths[0]! / bar.width).toBeCloseTo(shares[0]! / 100, 1);
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
  expect(advice()).toBe('near-cycle');
  expect(textOf(find(element, '#advice'))).toContain('From 5.0 MB on it runs well.');
  slide(element, 25);
  await element.updateComplete;
  expect(advice()).toBe('streams');
  slide(element, 12);
  await element.updateComplete;
  expect(advice()).toBe('below-cycle');
  expect(textOf(find(element, '#advice'))).toContain('Less than the experts of one token');
  const [mark, slider] = [find(element, '.slider .cliff').getBoundingClientRect(), find(element, 'input[type=range]').getBoundingClientRect()];
  expect((mark.left + 1 - slider.left - 8) / (slider.width - 16)).toBeCloseTo((12.5 - 5) / 95, 2);
});

test('the recommended budget is one press away', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  expect(hasButton(element, 'Use recommended')).toBe(false);
  slide(element, 20);
  await element.updateComplete;
  button(element, 'Use recommended (5.0 MB)').click();
  await until(() => engine.budgetsSet.length > 0, 'budget');
  await until(() => !hasButton(element, 'Use recommended'), 'no button');
  expect(engine.budgetsSet).toEqual(['25%']);
});

test('RAM for experts can be set too; what is no number is put back', async () => {
  const engine = engineWith();
  const element = await cacheWith(engine);
  const field = find(element, '#ram', HTMLInputElement);
  expect(field.value).toBe('256');
  for (const [text, expected] of [
    ['64', '64'],
    ['', '64'],
    ['-5', '0'],
  ] as const) {
    field.value = text;
    field.dispatchEvent(new Event('change'));
    await until(() => field.value === expected, expected);
  }
  expect(engine.budgetsSet).toEqual(['RAM 64000000', 'RAM 0']);
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
