// The trunk: everything that is not an expert, read once and kept on the device.

import { BLOCK_SIZE, type MatrixShape, type PackedMatrix, blocksPerRow, layOutMatrices, packedMatrixBytes } from '../core/packed-weights';
import { PackedMatrixReader } from '../core/packed-block';
import { CODEC_IDS } from '../core/packed-weights';
import type { Backend, DeviceBuffer } from '../core/backend';
import { throwIfAborted } from '../core/errors';
import { MiB, divideCeil, roundUp } from '../core/units';
import { repackMatrix } from '../formats/repack';
import type { Source } from '../formats/source';
import type { LayerSpec, ModelSpec, TensorRef } from '../model/spec';

/** Rows of a large matrix in one buffer. */
export interface MatrixShard {
  readonly buffer: DeviceBuffer;
  readonly matrix: PackedMatrix;
  readonly firstRow: number;
}

export interface LayerTrunk {
  /** query, key, value and output matrices. */
  readonly attention: DeviceBuffer;
  readonly query: PackedMatrix;
  readonly key: PackedMatrix;
  readonly value: PackedMatrix;
  readonly output: PackedMatrix;
  /** [column], padded. */
  readonly attentionGain: DeviceBuffer;
  readonly ffnGain: DeviceBuffer;
  /** [2, column]: queries, keys; undefined without head norms. */
  readonly headGain?: DeviceBuffer;
  /** [expert, column], padded rows. */
  readonly router: DeviceBuffer;
}

export interface Trunk {
  readonly embedding: readonly MatrixShard[];
  readonly outputHead: readonly MatrixShard[];
  readonly outputGain: DeviceBuffer;
  readonly layers: readonly LayerTrunk[];
  readonly sizeBytes: number;
}

/** Largest piece of a large matrix that is read, repacked, held on the CPU and bound at once: half of the smallest binding limit that WebGPU guarantees. */
const MAX_SHARD_BYTES = 64 * MiB;

/** Bytes of the model file that are read in one go. */
export interface TrunkRange {
  readonly name: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export function trunkTensors(spec: ModelSpec): TensorRef[] {
  const perLayer = spec.layers.flatMap((layer) => [
    ...[layer.attentionNorm, layer.query, layer.key, layer.value, layer.attentionOutput, layer.ffnNorm, layer.moe.routerWeight],
    ...(layer.queryNorm && layer.keyNorm ? [layer.queryNorm, layer.keyNorm] : []),
  ]);
  const head = spec.outputHead === spec.embedding ? [] : [spec.outputHead];
  return [spec.embedding, ...perLayer, spec.outputNorm, ...head];
}

/** Every read that loading the trunk does, so that they can be stored and found again. */
export function trunkRanges(spec: ModelSpec): TrunkRange[] {
  return trunkTensors(spec).flatMap((ref) => {
    const shards = isSharded(ref, spec) ? shardRows(ref) : [{ firstRow: 0, rowCount: ref.rowCount }];
    const rowBytes = ref.sizeBytes / ref.rowCount;
    return shards.map(({ firstRow, rowCount }) => ({
      name: `${ref.name}/${firstRow}`,
      offsetBytes: ref.offsetBytes + firstRow * rowBytes,
      sizeBytes: rowCount * rowBytes,
    }));
  });
}

export function trunkFileBytes(spec: ModelSpec): number {
  return trunkTensors(spec).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function isSharded(ref: TensorRef, spec: ModelSpec): boolean {
  return ref === spec.embedding || ref === spec.outputHead;
}

function shardRows(ref: TensorRef): Array<{ readonly firstRow: number; readonly rowCount: number }> {
  const packedRowBytes = packedMatrixBytes({ ...shapeOf(ref), rowCount: 16 }) / 16;
  const rowsPerShard = Math.max(1, Math.floor(MAX_SHARD_BYTES / packedRowBytes));
  return Array.from({ length: divideCeil(ref.rowCount, rowsPerShard) }, (_, i) => ({
    firstRow: i * rowsPerShard,
    rowCount: Math.min(rowsPerShard, ref.rowCount - i * rowsPerShard),
  }));
}

export class TrunkLoader {
  readonly #backend: Backend;
  readonly #source: Source;
  readonly #onBytes: (bytes: number) => void;
  readonly #signal: AbortSignal | undefined;
  #sizeBytes = 0;

  constructor(backend: Backend, source: Source, onBytes: (bytes: number) => void, signal?: AbortSignal) {
    this.#backend = backend;
    this.#source = source;
    this.#onBytes = onBytes;
    this.#signal = signal;
  }

  async load(spec: ModelSpec): Promise<Trunk> {
    const embedding = await this.#loadShards(spec.embedding);
    const layers: LayerTrunk[] = [];
    for (const layer of spec.layers) layers.push(await this.#loadLayer(layer));
    const outputGain = await this.#loadVectors('output norm', [spec.outputNorm]);
    const outputHead = spec.outputHead === spec.embedding ? embedding : await this.#loadShards(spec.outputHead);
    return { embedding, outputHead, outputGain, layers, sizeBytes: this.#sizeBytes };
  }

  async #loadLayer(layer: LayerSpec): Promise<LayerTrunk> {
    const label = `layer ${layer.index}`;
    const refs = { query: layer.query, key: layer.key, value: layer.value, output: layer.attentionOutput };
    const entries = Object.entries(refs) as Array<[keyof typeof refs, TensorRef]>;
    const { matrices, sizeBytes } = layOutMatrices(entries.map(([name, ref]) => [name, shapeOf(ref)] as const));
    const packed = new Uint8Array(sizeBytes);
    for (const [name, ref] of entries) repackMatrix(matrices[name], await this.#read(ref), packed, matrices[name].offsetBytes);
    const attention = this.#upload(`${label} attention`, packed);
    const headGain = layer.queryNorm && layer.keyNorm ? await this.#loadVectors(`${label} head norms`, [layer.queryNorm, layer.keyNorm], 1) : undefined;
    return {
      attention,
      ...matrices,
      attentionGain: await this.#loadVectors(`${label} attention norm`, [layer.attentionNorm]),
      ffnGain: await this.#loadVectors(`${label} ffn norm`, [layer.ffnNorm]),
      ...(headGain ? { headGain } : {}),
      router: await this.#loadVectors(`${label} router`, [layer.moe.routerWeight]),
    };
  }

  /** A matrix cut by rows so that each piece can be bound. */
  async #loadShards(ref: TensorRef): Promise<MatrixShard[]> {
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
  async #loadVectors(label: string, refs: readonly TensorRef[], multiple = BLOCK_SIZE): Promise<DeviceBuffer> {
    const parts: Float32Array[] = [];
    for (const ref of refs) parts.push(toRows(ref, await this.#read(ref), multiple));
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return this.#upload(label, all);
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

function toRows(ref: TensorRef, stored: Uint8Array, multiple: number): Float32Array {
  const shape = shapeOf(ref);
  const packed = new Uint8Array(packedMatrixBytes(shape));
  repackMatrix(shape, stored, packed, 0);
  const reader = new PackedMatrixReader(packed, CODEC_IDS[ref.codec], 0, ref.rowCount, ref.columnCount);
  const blockCount = blocksPerRow(ref.columnCount);
  const row = new Float32Array(blockCount * BLOCK_SIZE);
  const stride = roundUp(ref.columnCount, multiple);
  const rows = new Float32Array(ref.rowCount * stride);
  for (let r = 0; r < ref.rowCount; r++) {
    for (let b = 0; b < blockCount; b++) reader.readBlock(r, b, row.subarray(b * BLOCK_SIZE, (b + 1) * BLOCK_SIZE));
    rows.set(row.subarray(0, Math.min(stride, row.length)), r * stride);
  }
  return rows;
}
