import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { META_POLICY, SECURITY_HEADERS } from '../../src/tools/content-security-policy.mjs';

test('index.html repeats the policy of the server', () => {
  const page = readFileSync(new URL('../../index.html', import.meta.url), 'utf8');
  const policy = /<meta\s+http-equiv="Content-Security-Policy"\s+content="([^"]*)"/.exec(page)?.[1];
  expect(policy?.replace(/\s+/g, ' ').trim()).toBe(META_POLICY);
});

test('no script but our own runs, and nothing is evaluated', () => {
  expect(SECURITY_HEADERS['Content-Security-Policy']).toContain("script-src 'self';");
  expect(SECURITY_HEADERS['Content-Security-Policy']).not.toContain('unsafe');
});
