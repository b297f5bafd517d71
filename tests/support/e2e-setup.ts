// Before the end-to-end tests: the app and the script for other people's pages, as they are now.

import { ensureBuilt } from '../../src/tools/build.mjs';

export default function setup(): void {
  ensureBuilt('app');
  ensureBuilt('elements');
}
