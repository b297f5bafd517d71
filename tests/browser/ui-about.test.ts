import { afterEach, beforeEach, expect, test } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import '../../src/elements';
import { EngineError } from '../../src/core/errors';
import type { SluiceAboutModel } from '../../src/ui/app/sluice-about-model';
import { ScriptedEngine } from '../support/scripted-engine';
import { allWithin, expectAccessible, find, mount, textOf, unmountAll, until } from '../support/ui-page';

beforeEach(() => page.viewport(1280, 800));
afterEach(unmountAll);

async function aboutModel(engine: ScriptedEngine, width = 480, scheme: 'light' | 'dark' = 'light'): Promise<SluiceAboutModel> {
  const about = document.createElement('sluice-about-model');
  about.engine = engine;
  mount(about, width, scheme);
  await about.updateComplete;
  return about;
}

test('opens by keyboard and shows what the file holds', async () => {
  const about = await aboutModel(new ScriptedEngine());
  expect(allWithin(about, 'dl')).toEqual([]);
  find(about, 'summary').focus();
  await userEvent.keyboard('{Enter}');
  await until(() => allWithin(about, 'table').length === 1, 'description');
  const text = textOf(about);
  for (const part of ['6: 0–5 attention, 4 of 32 experts', 'Experts 20.1 MB', 'Vocabulary 4,096 tokens', '<|im_end|> (4094)']) expect(text).toContain(part);
  expect(JSON.parse(find(about, '.router').textContent)).toMatchObject({ activate: 'softmax', select: { topK: 4 } });
  expect(find(about, '.template').textContent).toContain('<|im_start|>');
  const rows = allWithin(about, 'tbody tr').map((row) => textOf(row));
  expect(rows).toHaveLength(6);
  expect(rows[0]).toMatch(/^5 % \*\s*9/);
  expect(rows[5]).toMatch(/^100 %\s*192\s*20\.1 MB/);
});

test('an error is told, and goes when the engine is another', async () => {
  const about = await aboutModel(new ScriptedEngine({ describeError: new EngineError('disposed', 'The engine was disposed.', 'Load the model again.') }));
  find(about, 'summary').click();
  await until(() => textOf(about).includes('The engine was disposed.'), 'error');
  about.engine = new ScriptedEngine();
  await until(() => allWithin(about, 'table').length === 1, 'description');
  expect(textOf(about)).not.toContain('disposed');
});

test.each([
  [1280, 'light'],
  [1280, 'dark'],
  [320, 'light'],
  [320, 'dark'],
] as const)('at %i px, %s: accessible, and nothing sticks out', async (width, scheme) => {
  await page.viewport(width, 800);
  document.body.style.margin = '0';
  const about = await aboutModel(new ScriptedEngine(), width, scheme);
  find(about, 'summary').click();
  await until(() => allWithin(about, 'table').length === 1, 'description');
  await expectAccessible(about);
  const wide = allWithin(about, '*').filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.scroll'));
  expect(wide.map((element) => element.outerHTML.slice(0, 120))).toEqual([]);
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
});
