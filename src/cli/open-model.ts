// What `--model` names, as bytes: "demo", an address, or a path.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../core/errors';
import { openHttpSource } from '../formats/http-source';
import { openNodeFileSource } from '../formats/node-file-source';
import { resolveModelUrl } from '../formats/resolve';
import { openWithParts } from '../formats/split-gguf';
import type { Source } from '../formats/source';

const DEMO_FILE = 'models/demo-q8_0.gguf';
/** Where the demo model lies, seen from dist/cli/sluice.js in a checkout, in the published package, and from this file. */
const DEMO_PLACES = ['../../public/', '../app/'];

/** Opens a model file for reading. Rejects with EngineError ('source-…', 'invalid-argument'). The caller closes it. */
export async function openModelSource(model: string, signal: AbortSignal): Promise<Source> {
  if (model === 'demo') return openNodeFileSource(demoPath());
  if (model.startsWith('hf:') || /^https?:\/\//i.test(model)) return openWithParts(resolveModelUrl(model), (url) => openHttpSource(url, { signal }), signal);
  return openWithParts(model, openNodeFileSource, signal);
}

function demoPath(): string {
  const found = DEMO_PLACES.map((place) => fileURLToPath(new URL(place + DEMO_FILE, import.meta.url))).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new EngineError('source-not-found', 'The demo model is not in this installation.', 'Install the package again, or name a .gguf file with --model.');
}
