// Numbers from a GGUF's metadata, checked: keys below the architecture's own prefix, with limits of what is plausible, so that a damaged number is refused here
// and not by an allocation.

import { EngineError } from '../core/errors';
import type { GgufMetadata } from '../formats/gguf-metadata';

export const LIMITS = {
  layers: 512,
  experts: 512,
  expertsPerToken: 16,
  hiddenSize: 65_536,
  ffnSize: 1_048_576,
  heads: 1024,
  /** Of the attention kernel's workgroup memory. */
  headSize: 256,
  vocabulary: 4_194_304,
  context: 2 ** 31 - 1,
  taps: 64,
} as const;

export class Hyperparameters {
  readonly metadata: GgufMetadata;
  readonly #prefix: string;

  constructor(metadata: GgufMetadata, prefix: string) {
    this.metadata = metadata;
    this.#prefix = prefix;
  }

  keyOf(name: string): string {
    return `${this.#prefix}.${name}`;
  }

  has(name: string): boolean {
    return this.metadata.has(this.keyOf(name));
  }

  integer(name: string, min: number, max: number, fallback?: number): number {
    return this.metadata.integer(this.keyOf(name), min, max, fallback);
  }

  /** The same number for all layers, or one for each. */
  perLayer(name: string, layerCount: number, min: number, max: number, fallback?: number): readonly number[] {
    const key = this.keyOf(name);
    if (!Array.isArray(this.metadata.get(key))) return Array.from({ length: layerCount }, () => this.integer(name, min, max, fallback));
    const list = this.metadata.numbers(key);
    const values = Array.from({ length: layerCount }, (_, layer) => list[layer] ?? NaN);
    if (values.some((value) => !Number.isInteger(value) || value < min || value > max)) {
      throw this.corrupt(name, `it is not a list of ${layerCount} whole numbers from ${min} to ${max}`);
    }
    return values;
  }

  float(name: string, fallback?: number): number {
    return this.metadata.float(this.keyOf(name), fallback);
  }

  positive(name: string, fallback?: number): number {
    const value = this.float(name, fallback);
    if (value <= 0) throw this.corrupt(name, `${value} is not positive`);
    return value;
  }

  /** The number, or `fallback` when it is absent or 0: how factors say that they are not used. */
  factor(name: string, fallback: number): number {
    const value = this.float(name, 0);
    return value === 0 ? fallback : value;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.metadata.boolean(this.keyOf(name), fallback);
  }

  string(name: string, fallback: string): string {
    return this.metadata.string(this.keyOf(name), fallback);
  }

  corrupt(name: string, problem: string): EngineError {
    return new EngineError(
      'file-corrupt',
      `The metadata key "${this.keyOf(name)}" is impossible: ${problem}.`,
      'Get the file again, or another conversion of the model.',
    );
  }

  unsupported(name: string, what: string): EngineError {
    return new EngineError(
      'unsupported-architecture',
      `The model needs ${what} ("${this.keyOf(name)}"), which is not supported.`,
      'Choose another model of this architecture.',
    );
  }
}
