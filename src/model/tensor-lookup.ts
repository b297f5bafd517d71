// Takes tensors out of a GGUF by name and expected dimensions, and keeps count of what was taken, so that a tensor nobody asked for is noticed: computing
// without, say, a bias would give wrong text with no error.

import { EngineError } from '../core/errors';
import { CODEC_NAMES, type CodecName } from '../core/packed-weights';
import type { GgufFile, GgufTensor } from '../formats/gguf';
import type { ExpertStackRef, LinearSpec, NormSpec, TensorRef } from './spec';

const OTHER_CONVERSION = 'The file does not match its own metadata: get it again, or another conversion of the model.';

/** Some of the rows of a tensor that holds several matrices, one below the other. */
export interface RowRange {
  readonly first: number;
  readonly total: number;
}

export class TensorLookup {
  readonly #file: GgufFile;
  readonly #taken = new Map<string, GgufTensor>();

  constructor(file: GgufFile) {
    this.#file = file;
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  /** Dimensions of a tensor, fastest first; undefined when the file has none of this name. */
  dimensions(name: string): readonly number[] | undefined {
    return this.#file.tensors.get(name)?.dimensions;
  }

  /** Weights in all tensors taken so far. */
  get parameterCount(): number {
    return [...this.#taken.values()].reduce((sum, tensor) => sum + tensor.elementCount, 0);
  }

  vector(name: string, length: number): TensorRef {
    return this.#reference(name, [length], length, 1);
  }

  optionalVector(name: string, length: number): TensorRef | undefined {
    return this.has(name) ? this.vector(name, length) : undefined;
  }

  /** With `range`, `rowCount` rows from `range.first` of a matrix of `range.total` rows. */
  matrix(name: string, rowCount: number, columnCount: number, range: RowRange = { first: 0, total: rowCount }): TensorRef {
    const whole = this.#reference(name, [columnCount, range.total], columnCount, range.total);
    const rowBytes = whole.sizeBytes / range.total;
    return { ...whole, rowCount, offsetBytes: whole.offsetBytes + range.first * rowBytes, sizeBytes: rowCount * rowBytes };
  }

  /** `${name}.weight` and, where there is one, `${name}.bias`. */
  linear(name: string, rowCount: number, columnCount: number, range?: RowRange): LinearSpec {
    const weight = this.matrix(`${name}.weight`, rowCount, columnCount, range);
    const biasName = `${name}.bias`;
    if (!this.has(biasName)) return { weight };
    const bias = this.vector(biasName, range?.total ?? rowCount);
    const elementBytes = bias.sizeBytes / bias.columnCount;
    const first = range?.first ?? 0;
    return { weight, bias: { ...bias, columnCount: rowCount, offsetBytes: bias.offsetBytes + first * elementBytes, sizeBytes: rowCount * elementBytes } };
  }

  norm(name: string, length: number): NormSpec {
    const gain = this.vector(`${name}.weight`, length);
    const bias = this.optionalVector(`${name}.bias`, length);
    return bias ? { gain, bias } : { gain };
  }

  /** A stack of `count` matrices whose [column, row] are turned for use: dimensions [rowCount of one, columnCount, count] in the file. */
  transposedStack(name: string, count: number, rowsOfOne: number, columnCount: number): TensorRef {
    const reference = this.#reference(name, [rowsOfOne, columnCount, count], columnCount, rowsOfOne * count);
    return { ...reference, transposedStack: { count } };
  }

  /** A stack of `count` matrices as one matrix of all their rows. */
  stackedRows(name: string, count: number, rowsOfOne: number, columnCount: number): TensorRef {
    return this.#reference(name, [columnCount, rowsOfOne, count], columnCount, rowsOfOne * count);
  }

  /** `${name}.weight` and, where there is one, `${name}.bias`. With `range`, those rows of every expert. */
  expertStack(name: string, expertCount: number, rowCount: number, columnCount: number, range: RowRange = { first: 0, total: rowCount }): ExpertStackRef {
    const whole = this.#reference(`${name}.weight`, [columnCount, range.total, expertCount], columnCount, range.total);
    const strideBytes = whole.sizeBytes / expertCount;
    const rowBytes = strideBytes / range.total;
    const stack = {
      ...whole,
      rowCount,
      offsetBytes: whole.offsetBytes + range.first * rowBytes,
      sizeBytes: expertCount * rowCount * rowBytes,
      expertCount,
      bytesPerExpert: rowCount * rowBytes,
      strideBytes,
    };
    const biasName = `${name}.bias`;
    return this.has(biasName) ? { ...stack, bias: this.#reference(biasName, [rowCount, expertCount], rowCount, expertCount) } : stack;
  }

  /** Throws 'tensor-mismatch' when the file has a tensor that was not taken; those for which `isKnown` is true are left out on purpose. */
  expectAllTaken(isKnown: (name: string) => boolean): void {
    for (const name of this.#file.tensors.keys()) {
      if (this.#taken.has(name) || isKnown(name)) continue;
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
