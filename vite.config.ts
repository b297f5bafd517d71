// Four builds from one file, chosen by mode:
//   vite build                     dist/app   the page, with relative addresses so that it can be hosted under any path
//   vite build --mode lib          dist/lib   the npm package: ES modules, dependencies left to the importer
//   vite build --mode elements     dist/lib/sluice-elements.js   the components with everything they need, for a script tag
//   vite build --mode cli          dist/cli/sluice.js   the terminal program for Node

import { resolve } from 'node:path';
import { defineConfig, type Plugin, type UserConfig } from 'vite';
import { DEVELOPMENT_HEADERS } from './src/tools/content-security-policy.mjs';

const at = (path: string) => resolve(import.meta.dirname, path);
const worker = { format: 'es' } as const;

/**
 * Puts workers into the library as text. A separate file would be lost on the way through other people's bundlers, and a script from another host (a CDN) may
 * not start a worker from there at all.
 */
const inlineWorkers: Plugin = {
  name: 'inline-workers',
  enforce: 'pre',
  transform(code) {
    const names: string[] = [];
    const replaced = code.replace(/new Worker\(\s*new URL\(\s*'([^']+)',\s*import\.meta\.url\s*\)\s*,/g, (_, path: string) => {
      names.push(path);
      return `new InlineWorker${names.length - 1}(`;
    });
    if (names.length === 0) return undefined;
    const imports = names.map((path, index) => `import InlineWorker${index} from '${path}?worker&inline';\n`);
    return { code: imports.join('') + replaced, map: null };
  },
};

const app: UserConfig = {
  base: './',
  worker,
  server: { headers: DEVELOPMENT_HEADERS },
  build: { outDir: 'dist/app', emptyOutDir: true, target: 'es2022', sourcemap: true },
};

const lib: UserConfig = {
  base: './',
  publicDir: false,
  plugins: [inlineWorkers],
  worker,
  build: {
    outDir: 'dist/lib',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    lib: { entry: { index: at('src/index.ts'), elements: at('src/elements.ts') }, formats: ['es'] },
    rolldownOptions: { external: (id) => /^[a-z@]/.test(id) && !id.startsWith('src/') },
  },
};

const elements: UserConfig = {
  base: './',
  publicDir: false,
  plugins: [inlineWorkers],
  worker,
  build: {
    outDir: 'dist/lib',
    emptyOutDir: false,
    target: 'es2022',
    sourcemap: true,
    lib: { entry: { 'sluice-elements': at('src/elements.ts') }, formats: ['es'] },
    rolldownOptions: { output: { codeSplitting: false } },
  },
};

const cli: UserConfig = {
  publicDir: false,
  ssr: { noExternal: true, external: ['webgpu'] },
  build: {
    ssr: at('src/cli/main.ts'),
    outDir: 'dist/cli',
    emptyOutDir: true,
    target: 'node20',
    rolldownOptions: { output: { entryFileNames: 'sluice.js', codeSplitting: false } },
  },
};

const builds: Readonly<Record<string, UserConfig>> = { lib, elements, cli };

export default defineConfig(({ mode }) => builds[mode] ?? app);
