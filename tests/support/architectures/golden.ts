// The golden files by name, in Node and in the browser.

import type { Golden } from './index';

const FILES = import.meta.glob<Golden>('../../golden/architectures/*.json', { eager: true, import: 'default' });

export const GOLDENS: ReadonlyMap<string, Golden> = new Map(Object.values(FILES).map((golden) => [golden.name, golden]));

export function goldenOf(name: string): Golden {
  const found = GOLDENS.get(name);
  if (!found) throw new Error(`no golden file of ${name}: tests/golden/architectures/make.mjs makes it`);
  return found;
}
