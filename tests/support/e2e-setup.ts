// Before the end-to-end tests: the app as it is now, built.

import { ensureBuilt } from '../../src/tools/build.mjs';

export default function setup(): void {
  ensureBuilt('app');
}
