import { afterEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import '../../src/ui/sluice-chat';
import '../../src/ui/sluice-heatmap';
import { Random } from '../../src/core/random';
import type { RoutingFrame } from '../../src/core/routing-frame';
import { HIT_FLASH_MS, MISS_FLASH_MS } from '../../src/ui/draw/heatmap';
import type { SluiceHeatmap } from '../../src/ui/sluice-heatmap';
import { frameOf } from '../support/routing-frames';
import { ScriptedEngine } from '../support/scripted-engine';
import { button, expectAccessible, find, mount, nextFrame, textOf, unmountAll, until } from '../support/ui-page';

afterEach(() => {
  vi.restoreAllMocks();
  unmountAll();
});

const small = (experts: number[], extra: Partial<Parameters<typeof frameOf>[0]> = {}): RoutingFrame =>
  frameOf({ layerCount: 2, expertCount: 4, routes: [[experts, experts]], ...extra });

async function heatmapWith(frame: RoutingFrame | undefined, width = 400, scheme: 'light' | 'dark' = 'light'): Promise<SluiceHeatmap> {
  const heatmap = mount(document.createElement('sluice-heatmap'), width, scheme);
  if (frame) heatmap.push(frame);
  await heatmap.updateComplete;
  await nextFrame();
  await nextFrame();
  return heatmap;
}

/** The colour in the middle of a cell of a map of 4 experts a layer. */
function colorAt(heatmap: SluiceHeatmap, layer: number, expert: number): string {
  const canvas = find(heatmap, 'canvas', HTMLCanvasElement);
  const x = Math.floor(((expert + 0.4) / 4) * canvas.width);
  const y = Math.floor(((layer + 0.4) / 2) * canvas.height);
  return [...canvas.getContext('2d')!.getImageData(x, y, 1, 1).data].join();
}

const settle = (ms = MISS_FLASH_MS + 60) => new Promise((resolve) => setTimeout(resolve, ms));

test('shows the empty map of an engine at once, and its frames as they come', async () => {
  const engine = new ScriptedEngine();
  const heatmap = await heatmapWith(undefined);
  expect(textOf(heatmap)).toContain('No model yet.');
  heatmap.engine = engine;
  await heatmap.updateComplete;
  expect(find(heatmap, '.grid').getAttribute('aria-label')).toContain('6 layers of 32 experts');
  expect(heatmap.usage?.cell(0, 0).tier).toBeUndefined();
  for await (const _ of await engine.completions.create({ prompt: 'Once', stream: true, max_tokens: 5 }));
  await until(() => heatmap.usage?.tokenCount === 4, 'tokens');
});

test('follows the engine of the chat that `for` names, whichever comes first', async () => {
  const heatmap = document.createElement('sluice-heatmap');
  heatmap.for = 'the-chat';
  mount(heatmap);
  const chat = document.createElement('sluice-chat');
  chat.id = 'the-chat';
  chat.engine = new ScriptedEngine();
  mount(chat);
  heatmap.requestUpdate();
  await until(() => heatmap.engine === chat.engine && chat.engine, 'engine');
  const next = new ScriptedEngine();
  chat.engine = next;
  await heatmap.updateComplete;
  await until(() => heatmap.engine === next, 'next engine');
  expect(find(heatmap, '.grid').getAttribute('aria-label')).toContain('6 layers');
});

test('an engine that is replaced is no longer listened to', async () => {
  const [first, second] = [new ScriptedEngine(), new ScriptedEngine()];
  const heatmap = await heatmapWith(undefined);
  heatmap.engine = first;
  await heatmap.updateComplete;
  heatmap.engine = second;
  await heatmap.updateComplete;
  first.broadcast(small([0]));
  second.broadcast(frameOf({ layerCount: 6, expertCount: 32, routes: [Array.from({ length: 6 }, () => [1])] }));
  await until(() => heatmap.usage?.tokenCount === 1, 'frame of the second');
  expect(heatmap.usage?.expertCount).toBe(32);
});

test('a cell has the colour of its tier, flashes when routed, otherwise when missing, and is brighter afterwards', async () => {
  const heatmap = await heatmapWith(small([], { routes: [], residency: [0, 1, 2, 3, 0, 0, 0, 0] }));
  const atRest = [0, 1, 2, 3].map((expert) => colorAt(heatmap, 0, expert));
  expect(new Set(atRest).size).toBe(4);
  expect(colorAt(heatmap, 1, 3)).toBe(atRest[0]);
  heatmap.push(small([0, 1], { missed: [1], residency: [0, 0, 2, 3, 0, 0, 0, 0] }));
  await nextFrame();
  await nextFrame();
  const [hit, miss] = [colorAt(heatmap, 0, 0), colorAt(heatmap, 0, 1)];
  expect(hit).not.toBe(miss);
  await settle();
  const after = colorAt(heatmap, 0, 0);
  expect([atRest[0], hit]).not.toContain(after);
  expect(colorAt(heatmap, 0, 1)).toBe(after);
  expect(colorAt(heatmap, 0, 2)).toBe(atRest[2]);
});

test('does not flash for who asked for less motion', async () => {
  const calm: Partial<MediaQueryList> = { matches: true };
  vi.spyOn(window, 'matchMedia').mockReturnValue(calm as MediaQueryList);
  const heatmap = await heatmapWith(small([0]));
  const first = colorAt(heatmap, 0, 0);
  await settle();
  expect(colorAt(heatmap, 0, 0)).toBe(first);
});

test('draws at most once per animation frame, and stops when nothing changes', async () => {
  const heatmap = await heatmapWith(small([0]));
  await settle();
  const drawn = vi.spyOn(CanvasRenderingContext2D.prototype, 'putImageData');
  for (let step = 0; step < 50; step++) heatmap.push(small([step % 4]));
  await nextFrame();
  expect(drawn.mock.calls.length).toBeLessThanOrEqual(1);
  await nextFrame();
  expect(drawn.mock.calls.length).toBeGreaterThan(0);
  await settle(HIT_FLASH_MS + 100);
  drawn.mockClear();
  await settle(150);
  expect(drawn).not.toHaveBeenCalled();
});

test('does not draw while off screen, and catches up when it comes back', async () => {
  const heatmap = await heatmapWith(small([0]));
  await settle();
  const box = heatmap.parentElement!;
  box.style.cssText += '; position: absolute; top: 20000px';
  await settle(150);
  const drawn = vi.spyOn(CanvasRenderingContext2D.prototype, 'putImageData');
  heatmap.push(small([1]));
  await settle(100);
  expect(drawn).not.toHaveBeenCalled();
  box.style.top = '0';
  await until(() => drawn.mock.calls.length > 0, 'drawing');
});

test('64 layers of 512 experts are drawn and stay within the width', async () => {
  const random = new Random(1);
  const frame = () =>
    frameOf({ layerCount: 64, expertCount: 512, routes: [Array.from({ length: 64 }, () => Array.from({ length: 8 }, () => random.integer(0, 511)))] });
  const heatmap = await heatmapWith(frame(), 480);
  const drawn = vi.spyOn(CanvasRenderingContext2D.prototype, 'putImageData');
  for (let step = 0; step < 10; step++) {
    heatmap.push(frame());
    await nextFrame();
  }
  await until(() => drawn.mock.calls.length > 0, 'drawing');
  const canvas = find(heatmap, 'canvas').getBoundingClientRect();
  expect(canvas.right).toBeLessThanOrEqual(heatmap.getBoundingClientRect().right + 1);
  expect(find(heatmap, '.view').clientHeight).toBeLessThan(canvas.height);
  expect(find(heatmap, '.view').tabIndex).toBe(0);
});

test('fits its canvas to the width and to the pixels of the screen', async () => {
  const heatmap = await heatmapWith(small([0]), 500);
  const canvas = find(heatmap, 'canvas', HTMLCanvasElement);
  const width = canvas.width;
  expect(width).toBe(Math.floor(canvas.parentElement!.clientWidth * devicePixelRatio));
  heatmap.parentElement!.style.width = '300px';
  await until(() => canvas.width < width && canvas.width === Math.floor(canvas.parentElement!.clientWidth * devicePixelRatio), 'resize');
});

test('follows a change of the colour scheme', async () => {
  const heatmap = await heatmapWith(small([], { routes: [] }));
  const light = colorAt(heatmap, 0, 0);
  heatmap.parentElement!.style.colorScheme = 'dark';
  await until(() => colorAt(heatmap, 0, 0) !== light, 'dark colours');
  expect(Number(colorAt(heatmap, 0, 0).split(',')[0])).toBeLessThan(Number(light.split(',')[0]));
});

test('arrow keys move from cell to cell, which is announced and shown with its numbers', async () => {
  const heatmap = await heatmapWith(small([2], { missed: [2] }));
  button(heatmap, 'Reset').focus();
  await userEvent.keyboard('{Tab}{Tab}');
  expect(heatmap.shadowRoot?.activeElement).toBe(find(heatmap, '.grid'));
  await until(() => textOf(find(heatmap, '[role=status]')).includes('Layer 0, expert 0'), 'first cell');
  await userEvent.keyboard('{ArrowRight}{ArrowRight}{ArrowDown}');
  await until(() => textOf(find(heatmap, '[role=status]')).startsWith('Layer 1, expert 2. GPU. Used 1 time, 100.0 % of this layer.'), 'announcement');
  expect(textOf(find(heatmap, '.tooltip'))).toMatch(/Layer 1 · expert 2\s+Where\s+GPU\s+Used\s+1 · 100 %\s+Misses\s+1\s+Last used\s+by the newest token/);
  await userEvent.keyboard('{Escape}');
  await until(() => heatmap.shadowRoot?.querySelector('.tooltip') === null, 'no tooltip');
});

test('pointing at a cell shows its numbers', async () => {
  const heatmap = await heatmapWith(small([3]));
  const bounds = find(heatmap, 'canvas').getBoundingClientRect();
  const at = { clientX: bounds.left + bounds.width * 0.9, clientY: bounds.top + bounds.height * 0.2, bubbles: true };
  find(heatmap, '.grid').dispatchEvent(new PointerEvent('pointermove', at));
  await heatmap.updateComplete;
  expect(textOf(find(heatmap, '.tooltip'))).toContain('Layer 0 · expert 3');
  find(heatmap, '.grid').dispatchEvent(new PointerEvent('pointerleave'));
  await heatmap.updateComplete;
  expect(heatmap.shadowRoot?.querySelector('.tooltip')).toBeNull();
});

test('the table says the same in words, for all layers or one', async () => {
  const heatmap = await heatmapWith(small([2, 1], { missed: [2], residency: [0, 0, 2, 3, 0, 0, 0, 0] }));
  const cells = (): string[][] =>
    [...find(heatmap, 'table').querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => (cell.textContent ?? '').trim()));
  expect(cells()[0]).toEqual(['0', '2', '0', '1', '1', '2', '1', '1 (50 %), 2 (50 %)']);
  button(heatmap, 'Table').click();
  await heatmap.updateComplete;
  expect(heatmap.shadowRoot?.querySelector('canvas')).toBeNull();
  const select = find(heatmap, 'select', HTMLSelectElement);
  select.value = '0';
  select.dispatchEvent(new Event('change'));
  await heatmap.updateComplete;
  expect(cells()[2]).toEqual(['2', 'Disk', '1', '50 %', '1', '0']);
  button(heatmap, 'Table').click();
  await heatmap.updateComplete;
  await nextFrame();
  await settle();
  expect(colorAt(heatmap, 0, 3)).not.toBe('0,0,0,0');
});

test('prompts count only when asked for; Reset begins anew', async () => {
  const heatmap = await heatmapWith(small([0], { phase: 'prefill' }));
  expect(heatmap.usage?.tokenCount).toBe(0);
  find(heatmap, 'input[type=checkbox]', HTMLInputElement).click();
  heatmap.push(small([0], { phase: 'prefill' }));
  expect(heatmap.usage?.tokenCount).toBe(1);
  button(heatmap, 'Reset').click();
  expect(heatmap.usage?.tokenCount).toBe(0);
});

test.each(['light', 'dark'] as const)('is accessible, %s', async (scheme) => {
  const heatmap = await heatmapWith(small([2]), 320, scheme);
  await expectAccessible(heatmap);
  button(heatmap, 'Table').click();
  await heatmap.updateComplete;
  await expectAccessible(heatmap);
});
