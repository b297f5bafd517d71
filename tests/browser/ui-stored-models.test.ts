import { afterEach, expect, test } from 'vitest';
import '../../src/ui/sluice-stored-models';
import type { StoredModel } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import type { ModelShelf } from '../../src/ui/load-engine';
import type { SluiceStoredModels } from '../../src/ui/sluice-stored-models';
import { allWithin, button, expectAccessible, find, hasButton, mount, textOf, unmountAll, until } from '../support/ui-page';

afterEach(unmountAll);

const model = (id: string, name: string, isComplete: boolean): StoredModel => ({
  id,
  name,
  isComplete,
  source: `https://example.org/${name}.gguf`,
  bytes: 22_764_288,
  lastUsedAt: Date.UTC(2026, 0, 5, 12),
});

/** A shelf in memory; the components know no other kind. */
class Shelf implements ModelShelf {
  models = [model('a', 'small', true), model('b', 'large', false)];
  readonly removed: string[] = [];
  list(): Promise<readonly StoredModel[]> {
    return Promise.resolve([...this.models]);
  }
  remove(id: string): Promise<void> {
    this.removed.push(id);
    this.models = this.models.filter((each) => each.id !== id);
    return Promise.resolve();
  }
  room(): ReturnType<ModelShelf['room']> {
    return Promise.resolve({ usedBytes: this.models.length * 25e6, quotaBytes: 1e9 });
  }
}

async function stored(shelf: ModelShelf, width = 420, scheme: 'light' | 'dark' = 'light'): Promise<SluiceStoredModels> {
  const element = document.createElement('sluice-stored-models');
  element.shelf = shelf;
  mount(element, width, scheme);
  await until(() => /^(?!Looking at)./.test(textOf(element)), 'list');
  await element.updateComplete;
  return element;
}

const focused = (element: SluiceStoredModels) => element.shadowRoot?.activeElement as HTMLElement | null;

test('lists what is stored, and how much room it takes', async () => {
  const element = await stored(new Shelf());
  const [first, second] = allWithin(element, 'li').map(textOf);
  expect(first).toMatch(/^small 22\.8 MB · used Jan 5, 2026, .* · complete: runs without a network https:\/\/example\.org\/small\.gguf/);
  expect(second).toContain('in part: what is missing is fetched when it is needed');
  expect(textOf(element)).toContain('This site uses 50.0 MB of 1.0 GB (5.0 %)');
});

test('asks before it deletes: once asked, Keep is under the finger, and keeps', async () => {
  const shelf = new Shelf();
  const element = await stored(shelf);
  button(element, 'Delete large').click();
  await until(() => focused(element)?.className === 'keep', 'focus');
  expect(textOf(find(element, '.question'))).toContain('Delete large? Its 22.8 MB would have to be loaded again.');
  focused(element)!.click();
  await until(() => focused(element)?.getAttribute('aria-label') === 'Delete large', 'focus is back');
  button(element, 'Delete large').click();
  await until(() => focused(element)?.className === 'keep', 'focus');
  focused(element)!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  await until(() => !element.shadowRoot?.querySelector('.question'), 'no question');
  expect(shelf.removed).toEqual([]);
});

test('deletes when told twice', async () => {
  const shelf = new Shelf();
  const element = await stored(shelf);
  button(element, 'Delete small').click();
  await until(() => element.shadowRoot?.querySelector('.question'), 'question');
  find(element, '.question .delete').click();
  await until(() => allWithin(element, 'li').length === 1, 'one left');
  expect(shelf.removed).toEqual(['a']);
  expect(textOf(find(element, '[role=status]'))).toBe('small is deleted');
  await until(() => focused(element)?.getAttribute('aria-label') === 'Delete large', 'focus on what is left');
  expect(textOf(element)).toContain('This site uses 25.0 MB');
});

test('a model that is open stays, and the reason is said', async () => {
  const shelf = new Shelf();
  shelf.remove = () => Promise.reject(new EngineError('storage-unavailable', 'The model is open.', 'Close the tabs that use it.'));
  const element = await stored(shelf);
  const errors: string[] = [];
  element.addEventListener('sluice-error', (event) => errors.push(event.detail.error.code));
  button(element, 'Delete small').click();
  await until(() => element.shadowRoot?.querySelector('.question'), 'question');
  find(element, '.question .delete').click();
  await until(() => textOf(element).includes('The model is open.'), 'error');
  expect(errors).toEqual(['storage-unavailable']);
  expect(allWithin(element, 'li')).toHaveLength(2);
  expect(hasButton(element, 'Delete small')).toBe(true);
});

test('nothing stored, no estimate, no storage at all', async () => {
  const shelf = new Shelf();
  shelf.models = [];
  shelf.room = () => Promise.resolve(undefined);
  const element = await stored(shelf);
  expect(textOf(element)).toContain('No model is stored in this browser.');
  expect(textOf(element)).toContain('does not tell how much room');
  shelf.list = () => Promise.reject(new EngineError('storage-unavailable', 'This page may not store anything.', 'Open it outside a private window.'));
  button(element, 'Refresh').click();
  await until(() => textOf(element).includes('may not store anything'), 'error');
});

test.each([
  [320, 'light'],
  [420, 'dark'],
] as const)('is accessible and fits into %i px, %s', async (width, scheme) => {
  const element = await stored(new Shelf(), width, scheme);
  button(element, 'Delete large').click();
  await until(() => element.shadowRoot?.querySelector('.question'), 'question');
  await expectAccessible(element);
  expect(element.scrollWidth).toBeLessThanOrEqual(element.clientWidth);
});
