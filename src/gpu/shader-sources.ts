// The WGSL of every kernel, linked by concatenation: libraries, then the kernel's own file.

import { defined } from '../core/assert';
import type { Kernel } from '../core/kernel';

const files = import.meta.glob<string>('../../shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true });

const sources = new Map(Object.entries(files).map(([path, text]) => [path.replace(/^.*\/shaders\//, '').replace(/\.wgsl$/, ''), text]));

function sourceOf(name: string): string {
  return defined(sources.get(`lib/${name}`) ?? sources.get(`codecs/${name}`) ?? sources.get(name), `shader ${name}`);
}

export function linkShader(kernel: Kernel): string {
  return [...kernel.libraries, kernel.name].map(sourceOf).join('\n');
}
