import { describe, expect, test } from 'vitest';
import { dependenciesAgree } from '../../src/tools/install.mjs';

const wanted = {
  '': { version: '0.1.0' },
  'node_modules/lit': { version: '3.3.3' },
  'node_modules/other-platform': { version: '1.0.0', optional: true },
};

describe('node_modules agrees with package-lock.json', () => {
  test('when every version is there; packages for other platforms may be missing', () => {
    expect(dependenciesAgree(wanted, { 'node_modules/lit': { version: '3.3.3' } })).toBe(true);
  });
  test('not when one is missing, older, or nothing is installed', () => {
    expect(dependenciesAgree(wanted, {})).toBe(false);
    expect(dependenciesAgree(wanted, { 'node_modules/lit': { version: '3.3.2' } })).toBe(false);
    expect(dependenciesAgree(wanted, undefined)).toBe(false);
  });
});
