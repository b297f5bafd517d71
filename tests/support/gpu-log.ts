// Which adapters a run of the tests used: printed when first seen, and kept in .cache/adapters/ for the summary at the end. Runs in Node only; tests in
// the browser reach it through a vitest command.

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../../.cache/adapters');
const pathOf = (project: string) => join(FOLDER, `${project}.txt`);

export function clearAdapters(project: string): void {
  rmSync(pathOf(project), { force: true });
}

export function recordAdapter(project: string, description: string): void {
  const path = pathOf(project);
  const known = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  if (known.includes(description)) return;
  mkdirSync(FOLDER, { recursive: true });
  appendFileSync(path, `${description}\n`);
  process.stderr.write(`[${project}] WebGPU adapter: ${description}\n`);
}

/** As a vitest browser command: its first argument is the context of the call. */
export function recordAdapterCommand(_context: unknown, project: string, description: string): void {
  recordAdapter(project, description);
}
