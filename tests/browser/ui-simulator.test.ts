import { afterEach, beforeEach, expect, test } from 'vitest';
import '../../src/ui/sluice-simulator';
import { decodeTrace, encodeTrace } from '../../src/probe/trace-file';
import { simulate } from '../../src/scheduler/simulator';
import { formatRate, formatShare } from '../../src/ui/model/format';
import { measuredCost } from '../../src/ui/model/measured-cost';
import { slotSteps } from '../../src/ui/model/simulation';
import type { SluiceSimulator } from '../../src/ui/sluice-simulator';
import { randomTrace } from '../support/random-trace';
import { ScriptedEngine } from '../support/scripted-engine';
import { allWithin, button, expectAccessible, find, hasButton, mount, textOf, unmountAll, until } from '../support/ui-page';

const EXPERT_BYTES = 104_448;
let engine: ScriptedEngine;

beforeEach(() => {
  engine = new ScriptedEngine({ answer: Array.from({ length: 30 }, (_, i) => `word${i}`).join(' ') });
});
afterEach(unmountAll);

async function simulatorWith(width = 460, scheme: 'light' | 'dark' = 'light'): Promise<SluiceSimulator> {
  const element = document.createElement('sluice-simulator');
  element.engine = engine;
  mount(element, width, scheme);
  await element.updateComplete;
  return element;
}

async function answer(): Promise<void> {
  for await (const _ of await engine.completions.create({ prompt: 'Once upon a time there was', stream: true }));
}

async function recorded(width?: number, scheme?: 'light' | 'dark'): Promise<SluiceSimulator> {
  const element = await simulatorWith(width, scheme);
  await answer();
  // The prompt's six words, and all tokens of the answer but the last.
  await until(() => element.trace?.tokenCount === 35, 'recording');
  await element.updateComplete;
  return element;
}

const cells = (element: SluiceSimulator, slots: number) => [...find(element, `tr[data-slots='${slots}']`).querySelectorAll('td')].map(textOf);

test('says what to do while nothing is recorded', async () => {
  const element = await simulatorWith();
  expect(textOf(element)).toContain('Ask for an answer');
  expect(button(element, 'Save trace').disabled).toBe(true);
  expect(hasButton(element, 'Simulate')).toBe(false);
  await element.run();
  expect(element.trace).toBeUndefined();
});

test('draws the recorded routing under every budget, as simulate has it', async () => {
  const element = await recorded();
  await engine.setBudget({ gpuBytes: '25%' });
  button(element, 'Simulate').click();
  await until(() => hasButton(element, 'Cancel'), 'cancel');
  await until(() => hasButton(element, 'Simulate'), 'end');
  const trace = element.trace!;
  for (const slotCount of slotSteps(trace)) {
    const rate = (policy: string) => formatShare(simulate({ trace, policy, slotCount, slotBytes: EXPERT_BYTES }).hitRate);
    expect(cells(element, slotCount).slice(0, 3)).toEqual(['forecast', 'lru/none', 'belady'].map(rate));
  }
  const paths = allWithin(element, 'path.curve').map((path) => path.getAttribute('d') ?? '');
  expect(paths.map((path) => path.split('L').length)).toEqual(Array.from({ length: 3 }, () => slotSteps(trace).length));
  const here = simulate({ trace, policy: 'forecast', slotCount: 48, slotBytes: EXPERT_BYTES });
  expect(textOf(find(element, '.rates'))).toContain(`Hit rate ${formatShare(here.hitRate)}`);
  expect(textOf(element)).toContain('With the present budget of 5.0 MB');
  expect(textOf(find(element, '.more'))).toMatch(/^2\.0 MB more would raise the hit rate from \d+ % to \d+ %/);
  expect(textOf(find(element, '.verdict'))).toMatch(/suits offloading.*SRP\(16\) 0\.\d\d/);
  expect(find(element, 'svg', SVGElement).getAttribute('aria-label')).toContain(`Now: ${formatShare(here.hitRate)} at 5.0 MB`);
});

test('speed follows from what the last answer measured', async () => {
  const element = await recorded();
  await element.run();
  await element.updateComplete;
  const trace = element.trace!;
  const { cost } = measuredCost(await engine.stats(), { layerCount: trace.layerCount });
  for (const slotCount of slotSteps(trace)) {
    const { tokensPerSecond, stalls } = simulate({ trace, policy: 'forecast', slotCount, slotBytes: EXPERT_BYTES, cost });
    expect(cells(element, slotCount).slice(3, 5)).toEqual([formatRate(tokensPerSecond), String(stalls)]);
  }
  expect(textOf(element)).toMatch(
    /Costs in the last answer: [\d.]+ ms per layer, [\d.]+ ms more where one is missing, reading [\d.]+ MB\/s, uploading [\d.]+ MB\/s\./,
  );
});

test('another policy or predictor is simulated at once', async () => {
  const element = await recorded();
  await element.run();
  const [policy, predictor] = allWithin(element, 'select') as HTMLSelectElement[];
  for (const [select, value] of [
    [policy!, 'lfu'],
    [predictor!, 'previous-token'],
  ] as const) {
    select.value = value;
    select.dispatchEvent(new Event('change'));
    await until(() => hasButton(element, 'Cancel'), 'start');
    await until(() => hasButton(element, 'Simulate'), 'end');
  }
  const trace = element.trace!;
  const { cost } = measuredCost(await engine.stats(), { layerCount: trace.layerCount });
  const expected = simulate({ trace, policy: 'lfu', predictor: 'previous-token', slotCount: 48, slotBytes: EXPERT_BYTES, cost });
  expect(cells(element, 48)[0]).toBe(formatShare(expected.hitRate));
  expect(textOf(element)).toContain('The predictor had');
});

test('can be cancelled, keeps what it has, and starts again', async () => {
  const element = await recorded();
  const long = randomTrace({ layerCount: 48, expertCount: 128, topK: 8, tokenCount: 2000, seed: 3 });
  await element.open(new File([encodeTrace(long)], 'long.sltr'));
  await element.updateComplete;
  const running = element.run();
  await until(() => hasButton(element, 'Cancel'), 'cancel');
  // The page stays free meanwhile.
  await new Promise((resolve) => requestAnimationFrame(resolve));
  button(element, 'Cancel').click();
  await running;
  await element.updateComplete;
  expect(textOf(find(element, '[role=status]'))).toBe('The simulation was cancelled');
  expect(textOf(element)).toContain('long.sltr: 2,000 tokens, 48 layers, 8 of 128 experts');
  button(element, 'Back to the recording').click();
  await element.run();
  expect(textOf(find(element, '[role=status]'))).toBe('The simulation is done');
});

test('a file that is no trace is refused, and nothing is lost', async () => {
  const element = await recorded();
  await element.run();
  const before = element.trace;
  const errors: string[] = [];
  element.addEventListener('sluice-error', (event) => errors.push(event.detail.error.code));
  const input = find(element, 'input[type=file]', HTMLInputElement);
  const files = new DataTransfer();
  files.items.add(new File(['no trace, though it is long enough'], 'notes.sltr'));
  input.files = files.files;
  input.dispatchEvent(new Event('change'));
  await until(() => textOf(element).includes('does not begin with the magic'), 'error');
  expect(errors).toEqual(['file-corrupt']);
  expect(element.trace).toEqual(before);
  expect(allWithin(element, 'path.curve')).toHaveLength(3);
});

test('a saved trace is what was recorded', async () => {
  const element = await recorded();
  const saved: Blob[] = [];
  const create = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (blob: Blob) => (saved.push(blob), create(blob));
  const links: HTMLAnchorElement[] = [];
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function (this: HTMLAnchorElement) {
    links.push(this);
  };
  try {
    button(element, 'Save trace').click();
  } finally {
    URL.createObjectURL = create;
    HTMLAnchorElement.prototype.click = click;
  }
  expect(links.map(({ download }) => download)).toEqual(['moe-demo-21m-35.sltr']);
  expect(decodeTrace(new Uint8Array(await saved[0]!.arrayBuffer()))).toEqual(element.trace);
});

test('tells when there is newer routing, starts over, and starts over with another engine', async () => {
  const element = await recorded();
  await element.run();
  await answer();
  await until(() => textOf(element).includes('35 newer tokens are not in it yet'), 'newer tokens');
  button(element, 'Start over').click();
  await element.updateComplete;
  expect(textOf(element)).toContain('Nothing recorded yet');
  await answer();
  await until(() => element.trace?.tokenCount === 35, 'recording');
  element.engine = new ScriptedEngine();
  await element.updateComplete;
  expect(element.trace).toBeUndefined();
});

test.each([
  [320, 'light'],
  [520, 'dark'],
] as const)('is accessible and fits into %i px, %s', async (width, scheme) => {
  const element = await recorded(width, scheme);
  await element.run();
  find(element, 'details', HTMLDetailsElement).open = true;
  await element.updateComplete;
  await expectAccessible(element);
  expect(element.scrollWidth).toBeLessThanOrEqual(element.clientWidth);
});
