// The README's list of what works is made from the code. UPDATE_README=1 writes it.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CODEC_NAMES } from '../src/core/packed-weights';
import { ARCHITECTURES } from '../src/model/architectures';

const BEGIN = /<!-- what works: [^>]*-->/;
const END = '<!-- end of what works -->';

function listOf(names: Iterable<string>): string {
  return [...names].map((name) => `\`${name}\``).join(', ');
}

test('the README lists the architectures and formats of the code', () => {
  const readme = readFileSync('README.md', 'utf8');
  const begin = BEGIN.exec(readme)![0];
  const start = readme.indexOf(begin) + begin.length;
  const text = `\n\nArchitectures (GGUF): ${listOf(ARCHITECTURES.keys())}.\n\nWeights, each tensor with its own: ${listOf(CODEC_NAMES)}.\n\n`;
  const updated = readme.slice(0, start) + text + readme.slice(readme.indexOf(END));
  if (process.env['UPDATE_README'] === '1') writeFileSync('README.md', updated);
  expect(updated).toBe(readFileSync('README.md', 'utf8'));
});
