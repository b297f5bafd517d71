// The engine's worker as one file, as a built page has it. The development server would send its modules one by one at every start in these tests, which
// takes a second or two, and a start fails when one of them does not come in time.

import { fileURLToPath } from 'node:url';
import { type Plugin, type Rolldown, build } from 'vite';

const ENTRY = fileURLToPath(new URL('../../src/worker/engine-worker.ts', import.meta.url));
const ADDRESS = '/bundled/engine-worker.js';
const WORKER_URL = "new URL('./engine-worker.ts', import.meta.url)";

async function bundle(): Promise<string> {
  const [result] = (await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      target: 'es2022',
      minify: false,
      sourcemap: 'inline',
      lib: { entry: ENTRY, formats: ['es'] },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput[];
  return result!.output[0].code;
}

export function bundledWorker(): Plugin {
  let code: Promise<string> | undefined;
  return {
    name: 'bundled-worker',
    enforce: 'pre',
    transform(source, id) {
      if (!id.endsWith('/src/worker/client.ts')) return undefined;
      if (!source.includes(WORKER_URL)) throw new Error(`${id} starts its worker in another way than ${WORKER_URL}`);
      return { code: source.replace(WORKER_URL, `new URL('${ADDRESS}', document.baseURI)`), map: null };
    },
    configureServer(server) {
      server.watcher.on('change', () => (code = undefined));
      server.middlewares.use(ADDRESS, (_request, response, next) => {
        code ??= bundle();
        code.then((text) => response.setHeader('Content-Type', 'text/javascript').end(text), next);
      });
    },
  };
}
