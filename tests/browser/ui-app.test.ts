import { afterEach, beforeEach, expect, test } from 'vitest';
import { page } from 'vitest/browser';
import '../../src/elements';
import { EngineError } from '../../src/core/errors';
import type { SluiceApp } from '../../src/ui/sluice-app';
import { RECORDED_ANSWER, scriptedLoader, ScriptedEngine } from '../support/scripted-engine';
import { allWithin, button, expectAccessible, find, mount, textOf, unmountAll, until } from '../support/ui-page';

beforeEach(() => page.viewport(1280, 800));
afterEach(unmountAll);

const other = () => new ScriptedEngine({ model: { name: 'other', isDemo: false, source: 'other.gguf' } });

async function appWith(load: Parameters<typeof scriptedLoader>[0] = () => new ScriptedEngine(), scheme: 'light' | 'dark' = 'light'): Promise<SluiceApp> {
  const app = document.createElement('sluice-app');
  app.loader = scriptedLoader(load);
  mount(app, innerWidth, scheme);
  app.parentElement!.style.cssText += '; position: fixed; inset: 0; width: auto';
  await until(() => textOf(app).includes('6 × 32 experts'), 'model');
  return app;
}

const part = <T extends keyof HTMLElementTagNameMap>(app: SluiceApp, name: T): HTMLElementTagNameMap[T] => app.shadowRoot!.querySelector(name)!;

test('loads the demo without a question and says what it is', async () => {
  const app = await appWith();
  expect(textOf(app)).toMatch(/This is a tiny demonstration model \(21 M parameters\)\.\s+It writes simple stories; it knows\s+nothing\./);
  for (const name of ['sluice-heatmap', 'sluice-tokens', 'sluice-cache'] as const) expect(part(app, name).engine).toBe(part(app, 'sluice-chat').engine);
});

test('a suggested prompt is answered, and every panel follows', async () => {
  const app = await appWith();
  button(app, 'A story').click();
  await until(() => textOf(app).includes('smiled.'), 'answer');
  const chat = part(app, 'sluice-chat');
  await until(() => !chat.isBusy, 'end');
  expect(chat.turns[0]).toMatchObject({ prompt: 'Tell me a story about a little fox named Pip.', kind: 'chat', answer: RECORDED_ANSWER });
  await until(() => part(app, 'sluice-heatmap').usage?.tokenCount === 81, 'heatmap');
  await until(() => allWithin(part(app, 'sluice-tokens'), '[role=option]').length === 82, 'tokens');
  await until(() => /Hits\s+[1-9]/.test(textOf(part(app, 'sluice-cache'))), 'cache');
});

test('opens a model by its address; the demo’s prompts and notice go', async () => {
  const app = await appWith((source) => (source === 'demo' ? new ScriptedEngine() : other()));
  button(app, 'Open a model').click();
  const dialog = part(app, 'sluice-open-model');
  await dialog.updateComplete;
  const input = find(dialog, '#address', HTMLInputElement);
  input.value = ' hf:owner/repo/other.gguf ';
  input.dispatchEvent(new Event('input'));
  await dialog.updateComplete;
  find(dialog, 'form', HTMLFormElement).requestSubmit();
  await until(() => textOf(find(app, '.model')).includes('other'), 'other model');
  expect(find(dialog, 'dialog', HTMLDialogElement).open).toBe(false);
  expect(textOf(app)).not.toContain('demonstration');
  expect(part(app, 'sluice-chat').suggestions).toEqual([]);
});

test('a file dropped on the page is opened; one that is no model leaves the present one working', async () => {
  const seen: unknown[] = [];
  const app = await appWith((source) => {
    seen.push(source);
    return source === 'demo' ? new ScriptedEngine() : new EngineError('not-gguf', 'notes.txt is not a GGUF file.', 'Choose a file that ends in .gguf.');
  });
  const files = new DataTransfer();
  files.items.add(new File(['x'], 'notes.txt'));
  window.dispatchEvent(new DragEvent('dragenter', { dataTransfer: files }));
  await app.updateComplete;
  expect(textOf(app)).toContain('Drop a .gguf file');
  window.dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));
  await until(() => textOf(app).includes('notes.txt is not a GGUF file.'), 'error');
  expect((seen[1] as File[]).map((file) => file.name)).toEqual(['notes.txt']);
  expect(textOf(app)).not.toContain('Drop a .gguf file');
  const chat = part(app, 'sluice-chat');
  await chat.send('Hello');
  expect(chat.turns[0]?.status).toBe('done');
  button(app, 'Dismiss').click();
  await until(() => !textOf(app).includes('not-gguf'), 'dismissed');
});

test('on a phone one view at a time is shown', async () => {
  await page.viewport(390, 844);
  const app = await appWith();
  const isVisible = (name: keyof HTMLElementTagNameMap) => find(app, name).getBoundingClientRect().width > 0;
  expect([isVisible('sluice-chat'), isVisible('sluice-heatmap'), isVisible('sluice-cache')]).toEqual([true, false, false]);
  button(app, 'Experts').click();
  await app.updateComplete;
  expect([isVisible('sluice-chat'), isVisible('sluice-heatmap'), isVisible('sluice-cache')]).toEqual([false, true, false]);
  button(app, 'Memory').click();
  await app.updateComplete;
  expect([isVisible('sluice-chat'), isVisible('sluice-heatmap'), isVisible('sluice-cache')]).toEqual([false, false, true]);
});

test('the memory panel has tabs, for the mouse and for the keyboard; the simulator records behind them', async () => {
  const app = await appWith();
  const shown = () => allWithin(app, '[role=tabpanel]').filter((panel) => panel.getBoundingClientRect().height > 0);
  const chosen = () => find(app, '[role=tab][aria-selected=true]');
  expect(shown().map(({ id }) => id)).toEqual(['panel-now']);
  chosen().focus();
  for (const [key, name] of [
    ['ArrowRight', 'Simulator'],
    ['ArrowRight', 'Stored models'],
    ['ArrowRight', 'Now'],
    ['End', 'Stored models'],
    ['ArrowLeft', 'Simulator'],
  ] as const) {
    chosen().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await app.updateComplete;
    expect(textOf(chosen())).toBe(name);
    expect(app.shadowRoot!.activeElement).toBe(chosen());
    expect(shown().map((panel) => panel.getAttribute('aria-labelledby'))).toEqual([chosen().id]);
  }
  button(app, 'Now').click();
  await part(app, 'sluice-chat').send('Hello');
  await until(() => part(app, 'sluice-simulator').trace?.tokenCount === 82 + 8, 'recording');
});

test.each([
  [1280, 'light'],
  [1280, 'dark'],
  [320, 'light'],
  [320, 'dark'],
] as const)('at %i px, %s: accessible, and nothing sticks out', async (width, scheme) => {
  await page.viewport(width, 800);
  const app = await appWith(undefined, scheme);
  await part(app, 'sluice-chat').send('Hello');
  await part(app, 'sluice-simulator').run();
  const views = [...(width < 900 ? ['Chat', 'Experts'] : []), 'Memory', 'Simulator', 'Stored models'];
  for (const view of views) {
    if (width < 900 || view !== 'Memory') button(app, view).click();
    await app.updateComplete;
    await new Promise((resolve) => setTimeout(resolve, 100));
    // axe 4 gives up on contrast where text is scrolled out of a nested list.
    for (const list of allWithin(app, '.chips')) list.scrollTop = 0;
    await expectAccessible(app);
    const wide = allWithin(app, '*').filter(
      (element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.strip, pre, .visually-hidden, .view, .scroll'),
    );
    expect(wide.map((element) => element.outerHTML.slice(0, 120))).toEqual([]);
  }
});
