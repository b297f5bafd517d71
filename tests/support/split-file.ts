// A model cut into parts as llama.cpp's gguf-split does: all metadata in the first, the keys of the split in each, and some tensors in every one.

import { u32, writeGguf, type WriterFile } from './gguf-writer';

/** The bytes of each part; the first has `firstTensors` tensors, the others share the rest. */
export function splitFile(file: WriterFile, count: number, firstTensors: number): Uint8Array[] {
  const perPart = Math.ceil((file.tensors.length - firstTensors) / (count - 1));
  return Array.from({ length: count }, (_, index) => {
    const start = index === 0 ? 0 : firstTensors + (index - 1) * perPart;
    return writeGguf({
      ...file,
      metadata: [
        ...(index === 0 ? file.metadata : []),
        ['split.no', { type: 'uint16', value: index }],
        ['split.count', { type: 'uint16', value: count }],
        ['split.tensors.count', u32(file.tensors.length)],
      ],
      tensors: file.tensors.slice(start, index === 0 ? firstTensors : start + perPart),
    });
  });
}

export function partName(name: string, index: number, count: number): string {
  const five = (number: number): string => String(number).padStart(5, '0');
  return `${name}-${five(index + 1)}-of-${five(count)}.gguf`;
}
