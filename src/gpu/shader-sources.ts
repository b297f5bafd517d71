// The WGSL of every kernel, linked by concatenation: libraries, readers of the codecs that a variant uses, then the kernel's own file. Readers that no variant uses
// would cost compile time in every pipeline: a product of three matrices has `read_block` three times, each with all that is linked.

import { defined } from '../core/assert';
import type { Kernel } from '../core/kernel';
import { CODEC_IDS, CODEC_NAMES, type CodecName } from '../core/packed-weights';

const files = import.meta.glob<string>('../../shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true });

const sources = new Map(Object.entries(files).map(([path, text]) => [path.replace(/^.*\/shaders\//, '').replace(/\.wgsl$/, ''), text]));

function sourceOf(path: string): string {
  return defined(sources.get(path), `shader ${path}`);
}

/** The text of one variant; constants that are left out have their defaults. */
export function linkShader(kernel: Kernel, constants: Readonly<Record<string, number>> = {}): string {
  const ids = new Set(kernel.codecs?.map((name) => constants[name] ?? kernel.constants[name]));
  const codecs = CODEC_NAMES.filter((name) => ids.has(CODEC_IDS[name]));
  return [
    ...kernel.libraries.map((name) => sourceOf(`lib/${name}`)),
    ...(codecs.length > 0 ? [sourceOf('lib/unpack'), ...codecs.map((name) => sourceOf(`codecs/${name.replaceAll('_', '-')}`)), readBlock(codecs)] : []),
    sourceOf(kernel.name),
  ].join('\n');
}

function readBlock(codecs: readonly CodecName[]): string {
  const cases = codecs.map((name, i) => `    ${i === 0 ? 'default' : `case ${CODEC_IDS[name]}u`}: { return read_${name}(matrix, row, block); }`);
  return `fn read_block(codec: u32, matrix: Matrix, row: u32, block: u32) -> Block {\n  switch codec {\n${cases.join('\n')}\n  }\n}`;
}
