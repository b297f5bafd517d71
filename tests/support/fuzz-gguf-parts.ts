// Faults in the parts of a GGUF before it is written: absurd counts, impossible tensors, names twice, values of other types, deep lists, extreme numbers.

import type { Random } from '../../src/core/random';
import { VALUE_TYPES, type WriterFile, type WriterTensor, type WriterValue } from './gguf-writer';

type Key = readonly [key: string, value: WriterValue];
type Fault = (file: WriterFile, random: Random) => WriterFile;

const EXTREMES: ReadonlyArray<number | bigint> = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 32, 64, 127, 128, 255, 256, 257, 511, 512, 513, 4096, 65_535, 65_536],
  ...[2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];
const NUMBERS: readonly WriterValue[] = [
  ...EXTREMES.flatMap((value): WriterValue[] => [
    { type: Number(value) < 2 ** 32 ? 'uint32' : 'uint64', value },
    { type: 'uint64', value },
    { type: 'float32', value: Number(value) },
  ]),
  ...[-1, -2, -(2 ** 31)].map((value): WriterValue => ({ type: 'int32', value })),
  ...[-1, 0.5, -0.5, 1e-45, 1e-320, 1e300, -1e300, NaN, Infinity, -Infinity].map((value): WriterValue => ({ type: 'float64', value })),
];
const TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  '\u{10ffff}',
  '__proto__',
  'constructor',
  '<|im_end|>',
  '(?<=',
  '\\',
  'a'.repeat(5000),
  'yarn',
  'longrope',
  'none',
  'llama',
  'gpt2',
];
const TEMPLATES: readonly string[] = [
  '{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}',
  '{{ messages[99].content.x.y }}',
  '{{ "a" * 9999999 }}',
  '{% if %}',
  '('.repeat(2000),
  `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`,
  `{{ ${'['.repeat(5000)} }}`,
  `{{ ${'not '.repeat(5000)}1 }}`,
  '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
  '{% set a = "xxxxxxxxxxxxxxxx" %}{% for i in range(40) %}{% set a = a + a %}{{ a }}{% endfor %}',
  '{{ messages.__proto__.constructor("x") }}',
  '{{ range(0, 1, 0) }}{{ range(1e308) }}',
];

const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(0, items.length - 1)]!;

/** One to three faults, mostly one. */
export function damageParts(random: Random, file: WriterFile): WriterFile {
  let damaged = file;
  for (let fault = Math.max(1, random.integer(-1, 3)); fault > 0; fault--) damaged = pick(random, FAULTS)(damaged, random);
  return damaged;
}

const changeKey = (file: WriterFile, random: Random, isMeant: (key: Key) => boolean, change: (key: Key) => readonly Key[]): WriterFile => {
  const places = file.metadata.flatMap((key, index) => (isMeant(key) ? [index] : []));
  if (places.length === 0) return file;
  const place = pick(random, places);
  return { ...file, metadata: file.metadata.flatMap((key, index) => (index === place ? change(key) : [key])) };
};

const changeTensor = (file: WriterFile, random: Random, change: (tensor: WriterTensor) => readonly WriterTensor[]): WriterFile => {
  if (file.tensors.length === 0) return file;
  const place = random.integer(0, file.tensors.length - 1);
  return { ...file, tensors: file.tensors.flatMap((tensor, index) => (index === place ? change(tensor) : [tensor])) };
};

const isNumber = ([, { type }]: Key): boolean => type !== 'array' && type !== 'string' && type !== 'bool';
const isList = ([, { type }]: Key): boolean => type === 'array';
const any = (): boolean => true;

/** Numbers of the architecture come several times: they are what the model is made of. */
const FAULTS: readonly Fault[] = [
  extremeNumber,
  extremeNumber,
  extremeNumber,
  extremeNumber,
  (file, random) =>
    changeKey(
      file,
      random,
      ([key]) => !key.startsWith('tokenizer.'),
      ([key]) => [[key, anyValue(random)]],
    ),
  (file, random) => changeKey(file, random, any, ([key]) => [[key, anyValue(random)]]),
  (file, random) => changeKey(file, random, any, () => []),
  (file, random) => changeKey(file, random, any, ([, value]) => [[pick(random, TEXTS), value]]),
  (file, random) => changeKey(file, random, isList, ([key, value]) => [[key, damageList(value, random)]]),
  (file, random) => changeKey(file, random, isList, ([key, value]) => [[key, damageList(value, random)]]),
  (file, random) =>
    changeKey(
      file,
      random,
      ([key]) => key === 'tokenizer.chat_template',
      ([key, value]) => [[key, damageTemplate(value, random)]],
    ),
  (file, random) =>
    changeKey(
      file,
      random,
      ([key]) => key.startsWith('tokenizer.') && key !== 'tokenizer.chat_template',
      ([key]) => [[key, anyValue(random)]],
    ),
  perLayerNumber,
  (file, random) => pick(random, HEADER_FAULTS)(file, random),
  (file, random) => changeTensor(file, random, (tensor) => [{ ...tensor, offset: anyOffset(file, random) }]),
  (file, random) => changeTensor(file, random, (tensor) => [{ ...tensor, dimensions: damageDimensions(tensor.dimensions, random) }]),
  (file, random) => changeTensor(file, random, (tensor) => [{ ...tensor, type: random.integer(0, 48) }]),
  (file, random) => changeTensor(file, random, () => []),
  (file, random) => changeTensor(file, random, (tensor) => [{ ...tensor, name: pick(random, TEXTS) }]),
];

/** What the reader of the header refuses, nearly always: one entry above, so that most files get further. */
const HEADER_FAULTS: readonly Fault[] = [
  (file, random) => changeKey(file, random, any, (key) => [key, key]),
  (file, random) => ({ ...file, tensorCount: pick(random, EXTREMES) }),
  (file, random) => ({ ...file, metadataCount: pick(random, EXTREMES) }),
  (file, random) => ({ ...file, metadata: [...file.metadata, ['general.alignment', pick(random, NUMBERS)]] }),
  (file, random) => changeTensor(file, random, (tensor) => [tensor, tensor]),
  (file, random) => changeTensor(file, random, (tensor) => [{ ...tensor, name: pick(random, file.tensors).name }]),
];

function extremeNumber(file: WriterFile, random: Random): WriterFile {
  return changeKey(file, random, isNumber, ([key]) => [[key, pick(random, NUMBERS)]]);
}

/** A list for each layer where there was one number. */
function perLayerNumber(file: WriterFile, random: Random): WriterFile {
  const items = Array.from({ length: random.integer(0, 6) }, () => Number(pick(random, EXTREMES)) >>> random.integer(0, 31));
  return changeKey(file, random, isNumber, ([key]) => [[key, { type: 'array', itemType: 'uint32', items }]]);
}

function anyValue(random: Random): WriterValue {
  switch (random.integer(0, 5)) {
    case 0:
      return { type: 'string', value: pick(random, TEXTS) };
    case 1:
      return { type: 'bool', value: random.integer(0, 1) === 1 };
    case 2:
      return { type: 'array', itemType: 'string', items: TEXTS.slice(0, random.integer(0, TEXTS.length)) };
    case 3:
      return { type: 'array', itemType: pick(random, ['uint8', 'int16', 'float32', 'bool', 'uint64'] as const), items: [0, 1, 1] };
    case 4:
      return deepList(pick(random, [1, 2, 3, 4, 5, 6, 50, 1000]));
    default:
      return pick(random, NUMBERS);
  }
}

function deepList(depth: number): WriterValue {
  let list: WriterValue = { type: 'array', itemType: 'uint8', items: [1, 2, 3] };
  for (let level = 1; level < depth; level++) list = { type: 'array', itemType: 'array', items: [list, list].slice(0, depth > 6 ? 1 : 2) };
  return list;
}

function damageList(value: WriterValue, random: Random): WriterValue {
  if (value.type !== 'array' || value.itemType === 'array' || value.items.length === 0) return value;
  const items = [...value.items];
  const place = random.integer(0, items.length - 1);
  const kind = random.integer(0, 5);
  if (kind === 0) items.length = place;
  else if (kind === 1) items.push(items[place]!);
  else if (kind === 2) items[place] = items[random.integer(0, items.length - 1)]!;
  else if (kind === 3) items.splice(place, 1);
  else if (kind === 4) return { ...value, itemType: pick(random, Object.keys(VALUE_TYPES).filter(isPlainType)), items: items.map((_, index) => index % 2) };
  else items[place] = value.itemType === 'string' ? pick(random, TEXTS) : random.integer(0, 6);
  return { ...value, items };
}

function isPlainType(type: string): type is Exclude<keyof typeof VALUE_TYPES, 'array'> {
  return type !== 'array';
}

function damageTemplate(value: WriterValue, random: Random): WriterValue {
  // Those that work until they are stopped take most of the time of all faults, so they are few.
  if (value.type !== 'string' || random.integer(0, 7) === 0) return { type: 'string', value: pick(random, TEMPLATES) };
  const source = String(value.value);
  const [from, to] = [random.integer(0, source.length), random.integer(0, source.length)];
  return { type: 'string', value: source.slice(0, Math.max(from, to)) + source.slice(Math.min(from, to)) };
}

/** The place of another tensor, beside it, or far away. */
function anyOffset({ tensors }: WriterFile, random: Random): number | bigint {
  const kind = random.integer(0, 2);
  if (kind === 0) return 0;
  return kind === 1 ? 32 * random.integer(0, Number(tensors.at(-1)?.offset ?? 0) / 32) : pick(random, EXTREMES);
}

function damageDimensions(dimensions: WriterTensor['dimensions'], random: Random): WriterTensor['dimensions'] {
  const kind = random.integer(0, 4);
  if (kind === 0) return [...dimensions].reverse();
  if (kind === 1) return [...dimensions, 1];
  if (kind === 2) return dimensions.slice(1);
  if (kind === 3) return Array.from({ length: random.integer(0, 6) }, () => pick(random, EXTREMES));
  const place = random.integer(0, dimensions.length - 1);
  return dimensions.map((dimension, index) => (index === place ? pick(random, EXTREMES) : dimension));
}
