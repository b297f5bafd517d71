import { expect, test } from 'vitest';
import { importsOf, isBanned, withoutImports } from '../support/tidy';

test('imports of every form are found, and those in comments are not', () => {
  const text = `
import type { A } from '../core/a';
import {
  b,
  c,
} from "./b";
export * from './c';
import './side-effect';
import shader from '../../shaders/x.wgsl?raw';
// import { no } from './no';
const later = await import('./later');
const worker = new Worker(new URL('./w.worker.ts', import.meta.url), { type: 'module' });
const text = "from './text'";
`;
  expect(importsOf(text).sort()).toEqual(['../../shaders/x.wgsl?raw', '../core/a', './b', './c', './later', './side-effect', './w.worker.ts']);
});

test('a banned word is found where its rule holds', () => {
  const rule = { words: ['forbidden()'], in: (file: string) => file.startsWith('src/') };
  expect(isBanned(rule, 'src/a.ts', 'x = forbidden();')).toBe(true);
  expect(isBanned(rule, 'tests/a.ts', 'x = forbidden();')).toBe(false);
});

test('a head may follow the imports', () => {
  expect(withoutImports("import { a } from './a';\nimport type {\n  B,\n} from './b';\n\n// What this is.\n")).toMatch(/^\/\/ What/);
  expect(withoutImports('const a = 1;')).toBe('const a = 1;');
});
