// Style as a test: layers, sizes, names, the four files of a kernel, and words that must not land. Each rule lists what breaks it, so that a failure reads
// as a list of things to do.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURES } from '../src/model/architectures';
import { type Rule, importsOf, isBanned, withoutImports } from './support/tidy';

const ROOT = join(import.meta.dirname, '..');
const LINE_LIMIT = 450;

/** Folders of src that each folder may import from, besides itself. '*' is all, 'entry' the files directly in src. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  formats: ['core'],
  model: ['core', 'formats'],
  reference: ['core', 'kernels'],
  kernels: ['core'],
  gpu: ['core', 'kernels'],
  storage: ['core'],
  probe: ['core'],
  scheduler: ['core', 'probe'],
  engine: ['core', 'model', 'scheduler', 'storage', 'formats', 'kernels'],
  worker: ['core', 'formats', 'model', 'reference', 'kernels', 'gpu', 'storage', 'scheduler', 'engine'],
  ui: ['core', 'probe', 'scheduler', 'worker', 'entry'],
  cli: ['*'],
  tools: [],
};

/** Files that only look like one of a kernel's four. */
const NOT_KERNELS: Readonly<Record<string, readonly string[]>> = {
  'src/kernels': ['index'],
  'src/reference': ['index', 'cpu-backend', 'call', 'packed-block'],
  'tests/kernels': ['codecs', 'layouts'],
};

/** Files that must name what others must not. */
const NAMES_WORDS: readonly string[] = ['tests/tidy.test.ts', 'package-lock.json', '.oxlintrc.json'];

const files = ['src', 'shaders', 'tests'].flatMap((folder) => filesUnder(folder)).concat(rootFiles());
const scripts = files.filter((file) => /\.(ts|mjs)$/.test(file));
const textOf = new Map(files.filter((file) => /\.(ts|mjs|wgsl|json|md|html|css)$/.test(file)).map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
const text = (file: string) => textOf.get(file) ?? '';
const imports = new Map(scripts.map((file) => [file, importsOf(text(file)).flatMap((name) => resolveImport(file, name))]));

test('no file of src but the table of architectures names one', () => {
  const named = [...ARCHITECTURES.keys()].map((name) => `'${name}'`);
  // Kinds of tokenizers and their splittings are named after the families that brought them.
  const isTable = (file: string) => ['architectures', 'pre-tokenizers', 'tokenizer'].some((name) => file === `src/model/${name}.ts`);
  const breaches = scripts.filter((file) => file.startsWith('src/') && !isTable(file) && named.some((name) => text(file).includes(name)));
  expect(breaches).toEqual([]);
});

describe('layers', () => {
  test('every folder of src has its place', () => {
    expect(scripts.filter((file) => !((layerOf(file) ?? 'core') in LAYERS))).toEqual([]);
  });

  test('no folder imports from one above it', () => {
    const breaches = scripts.flatMap((file) => {
      const layer = layerOf(file);
      const allowed = layer ? LAYERS[layer] : ['*'];
      if (!allowed || allowed.includes('*')) return [];
      return (imports.get(file) ?? [])
        .filter((target) => target.startsWith('src/') && layerOf(target) !== layer && !allowed.includes(layerOf(target) ?? 'entry'))
        .map((target) => `${file} imports ${target}`);
    });
    expect(breaches).toEqual([]);
  });

  test('nothing in src imports from tests', () => {
    expect(scripts.filter((file) => file.startsWith('src/') && imports.get(file)?.some((target) => target.startsWith('tests/')))).toEqual([]);
  });

  test('no file imports itself by a detour', () => {
    expect(cycles()).toEqual([]);
  });
});

describe('files', () => {
  test(`none is longer than ${LINE_LIMIT} lines`, () => {
    const isSource = (file: string) => /\.(ts|mjs|wgsl)$/.test(file);
    const long = files.filter(isSource).map((file) => ({ file, lines: text(file).split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > LINE_LIMIT)).toEqual([]);
  });

  test('names are kebab-case', () => {
    const named = files.filter((file) => /^(src|shaders|tests)\//.test(file));
    expect(named.filter((file) => file.split('/').some((part) => !/^_?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*(_[0-9]+\.json)?$/.test(part)))).toEqual([]);
  });

  test('every source file of more than 40 lines says at its head what it is', () => {
    const sources = files.filter((file) => /^src\/.*\.(ts|mjs)$|\.wgsl$/.test(file) && text(file).split('\n').length > 40);
    expect(sources.filter((file) => !/^(\/\/|\/\*\*)/.test(withoutImports(text(file))))).toEqual([]);
  });
});

describe('kernels', () => {
  const shaders = namesIn('shaders', '.wgsl');
  const places = { contract: 'src/kernels/NAME.ts', reference: 'src/reference/NAME.ts', test: 'tests/kernels/NAME.test.ts' };

  test('every shader has its contract, its reference and its test', () => {
    const missing = shaders
      .flatMap((name) => Object.values(places).map((place) => place.replace('NAME', name)))
      .filter((file) => !existsSync(join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  test('every contract, reference and test has its shader', () => {
    const strays = Object.entries(NOT_KERNELS).flatMap(([folder, others]) =>
      namesIn(folder, folder.startsWith('tests') ? '.test.ts' : '.ts')
        .filter((name) => !others.includes(name) && !shaders.includes(name))
        .map((name) => `${folder}/${name}`),
    );
    expect(strays).toEqual([]);
  });

  test('WGSL is plain WGSL', () => {
    expect(files.filter((file) => file.endsWith('.wgsl') && /#ifdef|#if |#define|\$\{/.test(text(file)))).toEqual([]);
  });
});

describe('words', () => {
  const rules: readonly Rule[] = [
    { words: ['TODO', 'FIXME', 'XXX', 'HACK', 'as any', '@ts-ignore', '@ts-nocheck'], in: () => true },
    { words: ['.only('], in: (file) => file.startsWith('tests/') },
    { words: ['test.skip(', 'it.skip(', 'describe.skip('], in: (file) => file.startsWith('tests/') },
    {
      words: ['Math.random', 'Date.now'],
      in: (file) => file.startsWith('src/') && !/^src\/(ui|cli|tools|formats|worker)\//.test(file),
    },
    { words: ['/work/', '/root/'], in: () => true },
  ];

  test.each(rules)('$words do not land', (rule) => {
    expect([...textOf.keys()].filter((file) => !NAMES_WORDS.includes(file) && isBanned(rule, file, text(file)))).toEqual([]);
  });
});

describe('package-lock.json', () => {
  test('names no host', () => {
    expect(text('package-lock.json').match(/"resolved": "[^"]*"/g)).toBeNull();
  });

  // npm leaves out what it could not find when the file was written, and `npm ci` then refuses the file.
  test('has the packages of every platform', () => {
    const { packages } = JSON.parse(text('package-lock.json')) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };
    const isThere = (name: string) => Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`));
    const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies).filter((name) => !isThere(name)));
    expect(missing).toEqual([]);
  });
});

function filesUnder(folder: string): string[] {
  const full = join(ROOT, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full).flatMap((name) => {
    if (name === '__screenshots__') return [];
    return statSync(join(full, name)).isDirectory() ? filesUnder(`${folder}/${name}`) : [`${folder}/${name}`];
  });
}

function rootFiles(): string[] {
  return readdirSync(ROOT).filter((name) => /\.(ts|mjs|json|md|html)$/.test(name));
}

/** Base names of the files directly in a folder, without those that start with '_'. */
function namesIn(folder: string, ending: string): string[] {
  return files.filter((file) => dirname(file) === folder && file.endsWith(ending) && !basename(file).startsWith('_')).map((file) => basename(file, ending));
}

/** "engine" for src/engine/…; undefined for files directly in src and for what is not in src. */
function layerOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

/** The project's file that a relative import means; none for packages and raw text. */
function resolveImport(file: string, name: string): string[] {
  if (!name.startsWith('.')) return [];
  const base = relative(ROOT, resolve(ROOT, dirname(file), name.replace(/\?.*$/, '')));
  const candidates = extname(base) === '' || !existsSync(join(ROOT, base)) ? [`${base}.ts`, `${base}/index.ts`, base] : [base];
  return candidates.filter((candidate) => existsSync(join(ROOT, candidate)) && statSync(join(ROOT, candidate)).isFile()).slice(0, 1);
}

/** Import cycles, each as the chain of files that closes it. */
function cycles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void found.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of scripts) visit(file, []);
  return found;
}
