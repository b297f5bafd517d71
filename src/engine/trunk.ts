// The trunk: everything that is not a routed expert, read once and kept on the device.

import type { Backend, DeviceBuffer } from '../core/backend';
import { throwIfAborted } from '../core/errors';
import { BLOCK_SIZE, type MatrixShape, type PackedMatrix, packedMatrixBytes } from '../core/packed-weights';
import { MiB, divideCeil, roundUp } from '../core/units';
import type { Range } from '../formats/read-ahead';
import { repackMatrix } from '../formats/repack';
import type { Source } from '../formats/source';
import type { DenseFfnSpec, LayerSpec, LinearSpec, ModelSpec, MoeSpec, NormSpec, TensorRef } from '../model/spec';
import { expandRows } from './expert-layout';

/** Rows of a large matrix in one buffer. */
export interface MatrixShard {
  readonly buffer: DeviceBuffer;
  readonly matrix: PackedMatrix;
  readonly firstRow: number;
}

/** Matrices of one buffer that are multiplied as one, stacked by rows, and their bias [row]. */
export interface Product {
  readonly buffer: DeviceBuffer;
  readonly matrices: readonly PackedMatrix[];
  readonly bias?: DeviceBuffer;
}

/** Gain and, behind it, bias; padded with zeros. */
export interface NormTrunk {
  readonly gain: DeviceBuffer;
  readonly hasBias: boolean;
}

export type MixerTrunk =
  | { readonly kind: 'attention'; readonly qkv: Product; readonly output: Product; readonly headGain?: DeviceBuffer; readonly sinks?: DeviceBuffer }
  | {
      readonly kind: 'latent-attention';
      readonly query: { readonly straight: Product } | { readonly down: Product; readonly norm: NormTrunk; readonly up: Product };
      readonly latent: Product;
      readonly keyRotary: Product;
      readonly latentNorm: NormTrunk;
      readonly expand: Product;
      readonly output: Product;
    }
  | { readonly kind: 'short-convolution'; readonly input: Product; readonly taps: DeviceBuffer; readonly output: Product };

export interface DenseFfnTrunk {
  /** gate, up and, where a shared expert has one, the row that decides its share. */
  readonly gateUp: Product;
  readonly down: Product;
}

export interface LayerTrunk {
  readonly mixerNorm: NormTrunk;
  readonly mixer: MixerTrunk;
  readonly ffnNorm: NormTrunk;
  /** [expert, column] padded rows, then [2, expert]: bias of the score, bias of the selection, each padded to 4. Undefined in a dense layer. */
  readonly router?: DeviceBuffer;
  /** The dense FFN, or the shared experts. */
  readonly dense?: DenseFfnTrunk;
}

export interface Trunk {
  readonly embedding: readonly MatrixShard[];
  readonly outputHead: readonly MatrixShard[];
  /** [vocabulary] */
  readonly outputBias?: DeviceBuffer;
  readonly outputNorm: NormTrunk;
  readonly layers: readonly LayerTrunk[];
  /** [pair] divisors of RoPE angles. */
  readonly ropeFactors?: Float32Array;
  readonly sizeBytes: number;
}

/** Largest piece of a large matrix that is read, repacked, held on the CPU and bound at once: half of the smallest binding limit that WebGPU guarantees. */
const MAX_SHARD_BYTES = 64 * MiB;

/** Bytes of the model file that are read in one go. */
export interface TrunkRange extends Range {
  readonly name: string;
}

/** Every read that loading the trunk does, so that they can be stored and found again. */
export function trunkRanges(spec: ModelSpec): TrunkRange[] {
  const ranges = trunkTensors(spec).flatMap((ref) => {
    const shards = isSharded(ref, spec) ? shardRows(ref) : [{ firstRow: 0, rowCount: ref.rowCount }];
    const rowBytes = ref.sizeBytes / ref.rowCount;
    return shards.map(({ firstRow, rowCount }) => ({ offsetBytes: ref.offsetBytes + firstRow * rowBytes, sizeBytes: rowCount * rowBytes, ref }));
  });
  return ranges.map(({ ref, ...range }) => ({ name: `${ref.name}/${range.offsetBytes}`, ...range }));
}

export function trunkFileBytes(spec: ModelSpec): number {
  return trunkTensors(spec).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Tensors of the trunk in the order in which they are loaded. Experts are left out: their stacks are all that a MoeSpec has besides what is named here. */
function trunkTensors(spec: ModelSpec): TensorRef[] {
  const found = new Set<TensorRef>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('expertCount' in value && 'bytesPerExpert' in value) return;
    if ('codec' in value) found.add(value as TensorRef);
    else for (const part of Object.values(value)) visit(part);
  };
  visit([spec.embedding, spec.layers, spec.outputNorm, spec.outputHead, spec.rope]);
  return [...found];
}

function isSharded(ref: TensorRef, spec: ModelSpec): boolean {
  return ref === spec.embedding || ref === spec.outputHead.weight;
}

/** Pieces of a large matrix, each small enough to be bound. */
export function shardRows(ref: TensorRef): Array<{ readonly firstRow: number; readonly rowCount: number }> {
  const packedRowBytes = packedMatrixBytes({ ...shapeOf(ref), rowCount: 16 }) / 16;
  const rowsPerShard = Math.max(1, Math.floor(MAX_SHARD_BYTES / packedRowBytes));
  return Array.from({ length: divideCeil(ref.rowCount, rowsPerShard) }, (_, i) => ({
    firstRow: i * rowsPerShard,
    rowCount: Math.min(rowsPerShard, ref.rowCount - i * rowsPerShard),
  }));
}

export class TrunkLoader {
  readonly #backend: Backend;
  readonly #source: Pick<Source, 'read'>;
  readonly #onBytes: (bytes: number) => void;
  readonly #signal: AbortSignal | undefined;
  #sizeBytes = 0;

  constructor(backend: Backend, source: Pick<Source, 'read'>, onBytes: (bytes: number) => void, signal?: AbortSignal) {
    this.#backend = backend;
    this.#source = source;
    this.#onBytes = onBytes;
    this.#signal = signal;
  }

  async load(spec: ModelSpec): Promise<Trunk> {
    const embedding = await this.#shards(spec.embedding);
    const layers: LayerTrunk[] = [];
    for (const layer of spec.layers) layers.push(await this.#layer(layer));
    const { weight, bias } = spec.outputHead;
    return {
      embedding,
      layers,
      outputNorm: await this.#norm('output norm', spec.outputNorm),
      outputHead: weight === spec.embedding ? embedding : await this.#shards(weight),
      ...(bias ? { outputBias: await this.#vectors('output bias', [bias]) } : {}),
      ...(spec.rope.factors ? { ropeFactors: await this.#rows(spec.rope.factors, spec.rope.factors.columnCount) } : {}),
      sizeBytes: this.#sizeBytes,
    };
  }

  async #layer(layer: LayerSpec): Promise<LayerTrunk> {
    const label = `layer ${layer.index}`;
    const { ffn } = layer;
    const dense = ffn.kind === 'dense' ? ffn : ffn.shared;
    return {
      mixerNorm: await this.#norm(`${label} mixer norm`, layer.mixerNorm),
      mixer: await this.#mixer(label, layer.mixer),
      ffnNorm: await this.#norm(`${label} ffn norm`, layer.ffnNorm),
      ...(ffn.kind === 'moe' ? { router: await this.#router(`${label} router`, ffn) } : {}),
      ...(dense ? { dense: await this.#dense(`${label} ffn`, dense) } : {}),
    };
  }

  async #mixer(label: string, mixer: LayerSpec['mixer']): Promise<MixerTrunk> {
    const output = await this.#product(`${label} output`, [mixer.output]);
    switch (mixer.kind) {
      case 'attention': {
        const { headNorm, sinks } = mixer;
        return {
          kind: mixer.kind,
          qkv: await this.#product(`${label} qkv`, [mixer.query, mixer.key, mixer.value]),
          output,
          ...(headNorm ? { headGain: await this.#vectors(`${label} head norms`, [headNorm.query, headNorm.key], 1) } : {}),
          ...(sinks ? { sinks: await this.#vectors(`${label} sinks`, [sinks]) } : {}),
        };
      }
      case 'latent-attention': {
        const single = (part: string, weight: TensorRef) => this.#product(`${label} ${part}`, [{ weight }]);
        const { query, expand } = mixer;
        return {
          kind: mixer.kind,
          query:
            'weight' in query
              ? { straight: await single('query', query.weight) }
              : {
                  down: await single('query down', query.down),
                  norm: await this.#norm(`${label} query norm`, { gain: query.norm }),
                  up: await single('query up', query.up),
                },
          latent: await single('latent', mixer.latent),
          keyRotary: await single('rotary key', mixer.keyRotary),
          latentNorm: await this.#norm(`${label} latent norm`, { gain: mixer.latentNorm }),
          expand:
            'both' in expand ? await single('expand', expand.both) : await this.#interleaved(`${label} expand`, expand.key, expand.value, mixer.headCount),
          output,
        };
      }
      case 'short-convolution':
        return {
          kind: mixer.kind,
          input: await this.#product(`${label} input`, [mixer.input]),
          taps: await this.#vectors(`${label} taps`, [mixer.taps], 1),
          output,
        };
    }
  }

  async #dense(label: string, ffn: DenseFfnSpec & { readonly share?: TensorRef }): Promise<DenseFfnTrunk> {
    const share = ffn.share ? [{ weight: ffn.share }] : [];
    return { gateUp: await this.#product(`${label} gate and up`, [ffn.gate, ffn.up, ...share]), down: await this.#product(`${label} down`, [ffn.down]) };
  }

  async #router(label: string, { routerWeight, routerBias, selectionBias, expertCount }: MoeSpec): Promise<DeviceBuffer> {
    const stride = roundUp(routerWeight.columnCount, BLOCK_SIZE);
    const biasStride = roundUp(expertCount, 4);
    const all = new Float32Array(expertCount * stride + 2 * biasStride);
    all.set(await this.#rows(routerWeight, stride));
    if (routerBias) all.set(await this.#rows(routerBias, biasStride), expertCount * stride);
    if (selectionBias) all.set(await this.#rows(selectionBias, biasStride), expertCount * stride + biasStride);
    return this.#upload(label, all);
  }

  async #norm(label: string, { gain, bias }: NormSpec): Promise<NormTrunk> {
    return { gain: await this.#vectors(label, bias ? [gain, bias] : [gain]), hasBias: bias !== undefined };
  }

  /** Matrices of equal width in one buffer; one bias buffer for all of them when any has a bias. */
  async #product(label: string, linears: readonly LinearSpec[]): Promise<Product> {
    const parts: Array<{ readonly shape: MatrixShape; readonly packed: Uint8Array }> = [];
    for (const { weight } of linears) {
      const packed = new Uint8Array(packedMatrixBytes(shapeOf(weight)));
      repackMatrix(shapeOf(weight), await this.#read(weight), packed, 0);
      parts.push({ shape: shapeOf(weight), packed });
    }
    const product = this.#joined(label, parts);
    if (!linears.some(({ bias }) => bias)) return product;
    const bias = new Float32Array(linears.reduce((sum, { weight }) => sum + weight.rowCount, 0));
    let at = 0;
    for (const linear of linears) {
      if (linear.bias) bias.set(await this.#rows(linear.bias, linear.weight.rowCount), at);
      at += linear.weight.rowCount;
    }
    return { ...product, bias: this.#upload(`${label} bias`, bias) };
  }

  #joined(label: string, parts: ReadonlyArray<{ readonly shape: MatrixShape; readonly packed: Uint8Array }>): Product {
    const all = new Uint8Array(parts.reduce((sum, { packed }) => sum + packed.byteLength, 0));
    const matrices: PackedMatrix[] = [];
    let offsetBytes = 0;
    for (const { shape, packed } of parts) {
      matrices.push({ ...shape, offsetBytes });
      all.set(packed, offsetBytes);
      offsetBytes += packed.byteLength;
    }
    return { buffer: this.#upload(label, all), matrices };
  }

  /** Key rows and value rows of each head in turn, as f32: the key part lies transposed in the file, and quantised blocks cannot be turned. */
  async #interleaved(label: string, key: TensorRef, value: TensorRef, headCount: number): Promise<Product> {
    const { columnCount } = key;
    const plainSize = key.rowCount / headCount;
    const valueSize = value.rowCount / headCount;
    const stride = roundUp(columnCount, BLOCK_SIZE);
    const turned = expandRows({ codec: key.codec, rowCount: headCount * columnCount, columnCount: plainSize }, await this.#read(key), plainSize);
    const values = await this.#rows(value, stride);
    const all = new Float32Array(headCount * (plainSize + valueSize) * stride);
    for (let head = 0; head < headCount; head++) {
      const start = head * (plainSize + valueSize) * stride;
      for (let row = 0; row < plainSize; row++) {
        for (let c = 0; c < columnCount; c++) all[start + row * stride + c] = turned[(head * columnCount + c) * plainSize + row]!;
      }
      all.set(values.subarray(head * valueSize * stride, (head + 1) * valueSize * stride), start + plainSize * stride);
    }
    return this.#joined(label, [{ shape: { codec: 'f32', rowCount: headCount * (plainSize + valueSize), columnCount }, packed: new Uint8Array(all.buffer) }]);
  }

  /** A matrix cut by rows so that each piece can be bound. */
  async #shards(ref: TensorRef): Promise<MatrixShard[]> {
    const rowBytes = ref.sizeBytes / ref.rowCount;
    const shards: MatrixShard[] = [];
    for (const { firstRow, rowCount } of shardRows(ref)) {
      const shape: MatrixShape = { codec: ref.codec, rowCount, columnCount: ref.columnCount };
      const stored = await this.#readRange(ref.offsetBytes + firstRow * rowBytes, rowCount * rowBytes);
      const packed = new Uint8Array(packedMatrixBytes(shape));
      repackMatrix(shape, stored, packed, 0);
      shards.push({ buffer: this.#upload(`${ref.name} rows ${firstRow}…`, packed), matrix: { ...shape, offsetBytes: 0 }, firstRow });
    }
    return shards;
  }

  /** Vectors or small matrices as f32 rows, padded with zeros to `multiple` columns, one after the other. */
  async #vectors(label: string, refs: readonly TensorRef[], multiple = BLOCK_SIZE): Promise<DeviceBuffer> {
    const parts: Float32Array[] = [];
    for (const ref of refs) parts.push(await this.#rows(ref, roundUp(ref.columnCount, multiple)));
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return this.#upload(label, all);
  }

  async #rows(ref: TensorRef, stride: number): Promise<Float32Array> {
    return expandRows(ref, await this.#read(ref), stride);
  }

  #read(ref: TensorRef): Promise<Uint8Array> {
    return this.#readRange(ref.offsetBytes, ref.sizeBytes);
  }

  async #readRange(offsetBytes: number, sizeBytes: number): Promise<Uint8Array> {
    throwIfAborted(this.#signal);
    const bytes = await this.#source.read(offsetBytes, sizeBytes, this.#signal);
    this.#onBytes(sizeBytes);
    return bytes;
  }

  #upload(label: string, data: Uint8Array | Float32Array): DeviceBuffer {
    const buffer = this.#backend.createBuffer(label, data.byteLength);
    this.#backend.write(buffer, 0, data);
    this.#sizeBytes += data.byteLength;
    return buffer;
  }
}

function shapeOf({ codec, rowCount, columnCount }: TensorRef): MatrixShape {
  return { codec, rowCount, columnCount };
}
