// npm start: installs what is missing, builds the app if its sources changed, serves it on a free port and opens it where there is a desktop.
//   npm start -- [--port N] [--no-open]

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, ensureDependencies, requireNode } from './install.mjs';

// Kept between starts where possible: what the browser stored belongs to the address, port included.
const USUAL_PORTS = [4173, 4174, 4175, 4176];

requireNode();
try {
  await start(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

/** @param {string[]} words */
async function start(words) {
  const { port, open } = parse(words);
  ensureDependencies();
  const { ensureBuilt } = await import('./build.mjs');
  ensureBuilt('app');
  const { createFileServer, listenOnFreePort } = await import('./server.mjs');
  const server = createFileServer(join(ROOT, 'dist/app'));
  const chosen = await listenOnFreePort(server, port === undefined ? [...USUAL_PORTS, 0] : [port]);
  const address = `http://localhost:${chosen}/`;
  process.stdout.write(`Sluice is at ${address}\nCtrl-C stops it.\n`);
  if (open && hasDesktop()) openInBrowser(address);
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.once(signal, () => {
      server.close(() => process.exit(0));
      server.closeAllConnections();
    });
  }
}

/** @param {string[]} words */
function parse(words) {
  /** @type {{ port: number | undefined, open: boolean }} */
  const options = { port: undefined, open: true };
  const rest = [...words];
  while (rest.length > 0) {
    const [name, inline] = (rest.shift() ?? '').split('=', 2);
    if (name === '--no-open') options.open = false;
    else if (name === '--port') {
      const value = Number(inline ?? rest.shift());
      if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new Error('--port needs a number from 0 to 65535.');
      options.port = value;
    } else throw new Error(`"${name}" is not an option here; there are --port N and --no-open.`);
  }
  return options;
}

function hasDesktop() {
  if (process.env.CI || process.env.SSH_CONNECTION) return false;
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/** @param {string} address */
function openInBrowser(address) {
  /** @type {Record<string, string[]>} */
  const openers = { darwin: ['open', address], win32: ['cmd', '/c', 'start', '', address] };
  const [command = 'xdg-open', ...words] = openers[process.platform] ?? ['xdg-open', address];
  // Nothing depends on it: the address is on the screen.
  spawn(command, words, { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}
