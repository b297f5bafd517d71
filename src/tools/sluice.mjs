// npm run --silent sluice -- <command>: the terminal program from a checkout. Builds it when stale; standard output is the program's alone.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { ROOT, ensureDependencies, requireNode } from './install.mjs';

requireNode();
if (prepare()) await import(pathToFileURL(join(ROOT, 'dist/cli/sluice.js')).href);

function prepare() {
  try {
    ensureDependencies({ quiet: true });
    ensureBuilt('cli', { quiet: true });
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const failure = { code: 'internal', message, hint: 'Run `npm test` to see what is wrong with this checkout.' };
    if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: failure })}\n`);
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
    return false;
  }
}
