// npm run bench: what this machine and browser reach. Reads from each store (a bare loop, and the path that experts take), uploads to the GPU, and tokens a
// second of the demo model with all and with a quarter of its experts on the GPU. Times depend on what else the machine does; ratios are from one run.
//   npm run bench -- [--json] [--megabytes N] [--expert-kilobytes N] [--tokens N] [--backend webgpu|cpu] [--only store,upload,decode]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CHROMIUM_FLAGS, findChromium } from './chromium.mjs';
import { ROOT, ensureDependencies } from './install.mjs';

const PAGE = '/bench.html';
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    megabytes: { type: 'string', default: '128' },
    'expert-kilobytes': { type: 'string', default: '2048' },
    tokens: { type: 'string', default: '32' },
    backend: { type: 'string', default: 'webgpu' },
    only: { type: 'string', default: 'store,upload,decode' },
  },
});
const parts = values.only.split(',');
const totalBytes = numberOf('megabytes') * 1_000_000;
const expertBytes = Math.max(64, Math.round((numberOf('expert-kilobytes') * 1024) / 64) * 64);

process.exitCode = await main();

async function main() {
  ensureDependencies({ quiet: values.json });
  const { createServer } = await import('vite');
  const { chromium } = await import('playwright-core');
  const server = await createServer({
    ...{ root: ROOT, logLevel: 'error', server: { port: 0, host: '127.0.0.1', hmr: false }, appType: 'custom' },
    plugins: [{ name: 'bench-page', configureServer: ({ middlewares }) => void middlewares.use(PAGE, sendPage) }],
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (!address || typeof address === 'string') throw new Error('The server of the bench did not start.');
  // A profile on disk: private windows keep their files in memory, behind another process.
  const profile = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const executablePath = findChromium();
  const context = await chromium.launchPersistentContext(profile, { args: CHROMIUM_FLAGS, ...(executablePath && { executablePath }) });
  try {
    const page = await context.newPage();
    page.on('pageerror', (error) => process.stderr.write(`${error.message}\n`));
    await page.goto(`http://127.0.0.1:${address.port}${PAGE}`);
    await page.waitForFunction(() => 'sluiceBench' in globalThis);
    const result = await measure(page);
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** @param {import('playwright-core').Page} page */
async function measure(page) {
  /** @type {Record<string, unknown>} */
  const result = { megabytes: totalBytes / 1_000_000, expertBytes };
  for (const kind of /** @type {const} */ (['opfs', 'indexeddb'])) {
    if (!parts.includes('store')) continue;
    const found = await page.evaluate((request) => globalThis.sluiceBench.store(request), { kind, totalBytes, expertBytes });
    result[kind] = found;
    say(`${kind}: ${rate(found.writeBytesPerSecond)} written`);
    say(`  bare loop over the store    ${rate(found.bareBytesPerSecond)}`);
    say(`  our path                    ${rate(found.pathBytesPerSecond)}  = ${percent(found.ratio)} of the bare loop`);
    say(`  our path, first time read   ${rate(found.firstPathBytesPerSecond)}  = ${percent(found.firstRatio)} (checksums are found)`);
  }
  if (parts.includes('upload')) {
    const upload = await page.evaluate(() => globalThis.sluiceBench.upload());
    result['upload'] = upload;
    say(`upload to ${upload.adapter}`);
    for (const [way, bytesPerSecond] of Object.entries(upload.bytesPerSecond)) say(`  ${way.padEnd(26)}  ${rate(bytesPerSecond)}`);
  }
  if (parts.includes('decode')) {
    const backend = values.backend === 'cpu' ? 'cpu' : 'webgpu';
    const decode = await page.evaluate(([name, count]) => globalThis.sluiceBench.decode(name, count), /** @type {const} */ ([backend, numberOf('tokens')]));
    result['decode'] = decode;
    say(`decode on ${decode.adapter}, experts in ${decode.store}`);
    for (const [share, { tokensPerSecond, halts, waitShare }] of /** @type {const} */ ([
      ['100 %', decode.resident],
      ['25 %', decode.quarter],
    ])) {
      say(
        `  ${share.padEnd(5)} of the experts on the GPU  ${tokensPerSecond.toFixed(2)} tokens/s, ${halts} halts, ${percent(waitShare)} of the time waiting for experts`,
      );
    }
    say(`  ratio ${decode.ratio.toFixed(2)}`);
  }
  return result;
}

/** @param {import('node:http').IncomingMessage} _request @param {import('node:http').ServerResponse} response */
function sendPage(_request, response) {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>Bench</title><script type="module" src="/tests/bench/bench-page.ts"></script>');
}

/** @param {string} line */
function say(line) {
  if (!values.json) process.stdout.write(`${line}\n`);
}

/** @param {number} bytesPerSecond */
function rate(bytesPerSecond) {
  return `${(bytesPerSecond / 1e9).toFixed(3)} GB/s`;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** @param {'megabytes' | 'expert-kilobytes' | 'tokens'} name */
function numberOf(name) {
  const number = Number(values[name]);
  if (!(number > 0)) throw new Error(`--${name} is "${values[name]}"; give a number above 0.`);
  return number;
}
