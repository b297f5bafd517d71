#!/usr/bin/env node
// The `sluice` command in Node: connects the program to this process.

import { setMaxListeners } from 'node:events';
import { openTerminalEngine } from './open-engine';
import { runTerminal } from './run';

const cancel = new AbortController();
// Every read that waits listens, and dozens may: no leak, and nothing to warn of.
setMaxListeners(0, cancel.signal);
process.on('SIGINT', () => {
  if (cancel.signal.aborted) process.exit(1); // asked twice: at once
  process.stderr.write('\nStopping…\n');
  cancel.abort();
});
process.on('SIGTERM', () => cancel.abort());
// `sluice … | head` closes the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const status = await runTerminal(
  process.argv.slice(2),
  {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isInteractive: process.stderr.isTTY,
    columnCount: process.stderr.columns ?? 80,
    signal: cancel.signal,
    now: () => performance.now(),
  },
  openTerminalEngine,
);
// Dawn's threads keep the process alive; the output must be out before it ends.
process.stdout.write('', () => process.exit(status));
