// Takes tensors out of a GGUF by name and expected dimensions, and keeps count of what was taken, so that a tensor nobody asked for is noticed: computing
// without, say, a bias would give wrong text with no error.

import { EngineError } from '../core/errors';
import { CODEC_NAMES, type CodecName } from '../core/packed-weights';
import type { GgufFile, GgufTensor } from '../formats/gguf';
import type { ExpertStackRef, TensorRef } from './spec';

const OTHER_CONVERSION = 'The file does not match its own metadata: get it again, or another conversion of the model.';

export class TensorLookup {
  readonly #file: GgufFile;
  readonly #taken = new Map<string, GgufTensor>();

  constructor(file: GgufFile) {
    this.#file = file;
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  /** Weights in all tensors taken so far. */
  get parameterCount(): number {
    return [...this.#taken.values()].reduce((sum, tensor) => sum + tensor.elementCount, 0);
  }

  vector(name: string, length: number): TensorRef {
    return this.#reference(name, [length], length, 1);
  }

  matrix(name: string, rowCount: number, columnCount: number): TensorRef {
    return this.#reference(name, [columnCount, rowCount], columnCount, rowCount);
  }

  expertStack(name: string, expertCount: number, rowCount: number, columnCount: number): ExpertStackRef {
    const reference = this.#reference(name, [columnCount, rowCount, expertCount], columnCount, rowCount);
    return { ...reference, expertCount, bytesPerExpert: reference.sizeBytes / expertCount };
  }

  /** Throws 'tensor-mismatch' when the file has a tensor that was not taken. */
  expectAllTaken(): void {
    for (const name of this.#file.tensors.keys()) {
      if (this.#taken.has(name)) continue;
      throw new EngineError(
        'tensor-mismatch',
        `The file has a tensor "${name}" that its architecture has no use for.`,
        'It is a variant of the model that is not supported.',
      );
    }
  }

  #reference(name: string, expected: readonly number[], columnCount: number, rowCount: number): TensorRef {
    const tensor = this.#file.tensors.get(name);
    if (!tensor) throw new EngineError('tensor-missing', `The tensor "${name}" is missing.`, OTHER_CONVERSION);
    if (!sameDimensions(tensor.dimensions, expected)) {
      const message = `The tensor "${name}" should have the dimensions ${expected.join(' × ')}, and has ${tensor.dimensions.join(' × ')}.`;
      throw new EngineError('tensor-mismatch', message, OTHER_CONVERSION);
    }
    this.#taken.set(name, tensor);
    return { name, codec: codecOf(tensor), rowCount, columnCount, offsetBytes: tensor.offsetBytes, sizeBytes: tensor.sizeBytes };
  }
}

/** Trailing dimensions of 1 do not count: some converters write them. */
function sameDimensions(found: readonly number[], expected: readonly number[]): boolean {
  const length = Math.max(found.length, expected.length);
  return Array.from({ length }, (_, index) => (found[index] ?? 1) === (expected[index] ?? 1)).every(Boolean);
}

function codecOf(tensor: GgufTensor): CodecName {
  const codec = CODEC_NAMES.find((name) => name === tensor.type.name);
  if (codec) return codec;
  throw new EngineError(
    'unsupported-tensor-type',
    `The tensor "${tensor.name}" is stored as ${tensor.type.name}, which cannot be read.`,
    `Choose a file of the model in one of these formats: ${CODEC_NAMES.join(', ')}.`,
  );
}
