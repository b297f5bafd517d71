import { afterEach, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';
import '../../src/ui/sluice-chat';
import '../../src/ui/sluice-tokens';
import type { GeneratedToken } from '../../src/core/api';
import type { SluiceTokens } from '../../src/ui/sluice-tokens';
import { frameOf } from '../support/routing-frames';
import { ScriptedEngine } from '../support/scripted-engine';
import { expectAccessible, find, mount, nextFrame, textOf, unmountAll, until } from '../support/ui-page';

afterEach(unmountAll);

const token = (index: number, logprob = -0.1): GeneratedToken => ({ id: 50 + index, text: ` word${index}`, logprob, index, position: 9 + index });
const frame = (index: number) =>
  frameOf({
    layerCount: 2,
    expertCount: 8,
    routes: [
      [
        [index % 8, 7],
        [3, index % 8],
      ],
    ],
    position: 9 + index,
    tokenIds: [50 + index],
    missed: [7],
  });

async function tokensWith(count: number, routed = count, scheme: 'light' | 'dark' = 'light'): Promise<SluiceTokens> {
  const element = mount(document.createElement('sluice-tokens'), 360, scheme);
  element.addTokens(Array.from({ length: count }, (_, index) => token(index, -index / 4)));
  for (let index = 0; index < routed; index++) element.push(frame(index));
  await nextFrame();
  await nextFrame();
  await element.updateComplete;
  return element;
}

const chips = (element: SluiceTokens): HTMLElement[] => [...find(element, '.chips').querySelectorAll<HTMLElement>('[role=option]')];

test('shows each token, and the route of the newest that has one', async () => {
  const element = await tokensWith(5, 4);
  expect(chips(element).map((chip) => chip.textContent?.trim())).toEqual(['·word0', '·word1', '·word2', '·word3', '·word4']);
  expect(chips(element).findIndex((chip) => chip.getAttribute('aria-selected') === 'true')).toBe(3);
  const rows = [...find(element, '.route').querySelectorAll('tbody tr')].map((row) => (row.textContent ?? '').replace(/\s+/g, ' ').trim());
  expect(rows).toEqual(['0 3 50 % GPU 7 33 % Disk', '1 3 50 % GPU 3 33 % GPU']);
});

test('less likely tokens are coloured more', async () => {
  const element = await tokensWith(5);
  const colors = chips(element).map((chip) => getComputedStyle(chip).backgroundColor);
  expect(new Set(colors).size).toBe(5);
});

test('a click picks a token; one that was not fed yet has no route', async () => {
  const element = await tokensWith(3, 2);
  chips(element)[2]!.click();
  await element.updateComplete;
  expect(textOf(find(element, '.detail'))).toContain('has not been fed through the layers yet');
  chips(element)[0]!.click();
  await element.updateComplete;
  expect(textOf(find(element, '.about'))).toMatch(/·word0 id 50 ?position 9 ?probability 100 %/);
});

test('arrow keys go from token to token', async () => {
  const element = await tokensWith(4);
  chips(element)[3]!.focus();
  await userEvent.keyboard('{ArrowLeft}{ArrowLeft}');
  await until(() => element.shadowRoot?.activeElement === chips(element)[1], 'focus on the second');
  expect(textOf(find(element, '.about'))).toContain('·word1');
  await userEvent.keyboard('{End}');
  await until(() => element.shadowRoot?.activeElement === chips(element)[3], 'focus on the last');
});

test('follows a chat by its id: tokens and routes of its answer, anew for each', async () => {
  const engine = new ScriptedEngine({ answer: 'one two three four' });
  const chat = document.createElement('sluice-chat');
  chat.id = 'chat';
  chat.engine = engine;
  mount(chat);
  const element = document.createElement('sluice-tokens');
  element.for = 'chat';
  mount(element);
  await until(() => element.engine, 'engine');
  await element.updateComplete;
  await chat.send('Hello');
  await until(() => element.shadowRoot?.querySelectorAll('[role=option]').length === 4, 'four tokens');
  await until(() => textOf(find(element, '.about')).includes('·three'), 'route of the last token that was fed');
  expect(find(element, '.route').querySelectorAll('tbody tr')).toHaveLength(6);
  await chat.send('Again');
  await nextFrame();
  expect(chips(element)).toHaveLength(4);
});

test.each(['light', 'dark'] as const)('is accessible, %s', async (scheme) => {
  const element = await tokensWith(30, 30, scheme);
  await expectAccessible(element);
});
