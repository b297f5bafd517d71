// npm start as people run it: builds what is stale, serves, stops on Ctrl-C.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

function start(...words: string[]) {
  const child = spawn(process.execPath, ['src/tools/start.mjs', ...words], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.resume();
  return child;
}

test('serves the app with its model by range, and stops', async () => {
  const child = start('--no-open', '--port', '0');
  try {
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      if (printed.includes('Ctrl-C')) break;
    }
    const address = /http:\/\/localhost:\d+\//.exec(printed)?.[0] ?? '';
    const page = await fetch(address);
    expect(await page.text()).toContain('<title>Sluice</title>');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const model = await fetch(`${address}models/demo-q8_0.gguf`, { headers: { Range: 'bytes=0-3' } });
    expect([model.status, await model.text()]).toEqual([206, 'GGUF']);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test.each([['--port', 'x'], ['--port=70000'], ['--prot']])('%s %s is refused in a sentence', async (...words) => {
  const child = start(...words);
  expect(await once(child, 'exit')).toEqual([1, null]);
});
