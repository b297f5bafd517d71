// What the trunk takes on the device, from the spec alone: the sizes that TrunkLoader uploads, part by part.

import { BLOCK_SIZE, packedMatrixBytes } from '../core/packed-weights';
import { roundUp } from '../core/units';
import type { DenseFfnSpec, LayerSpec, LinearSpec, ModelSpec, NormSpec, TensorRef } from '../model/spec';
import { shardRows } from './trunk';

const FLOAT_BYTES = 4;

export function trunkDeviceBytes(spec: ModelSpec): number {
  const { embedding, outputHead, outputNorm } = spec;
  return (
    shardedBytes(embedding) +
    (outputHead.weight === embedding ? 0 : shardedBytes(outputHead.weight)) +
    (outputHead.bias ? rowBytes(outputHead.bias) : 0) +
    normBytes(outputNorm) +
    sum(spec.layers.map(layerBytes))
  );
}

function layerBytes({ mixerNorm, mixer, ffnNorm, ffn }: LayerSpec): number {
  const norms = normBytes(mixerNorm) + normBytes(ffnNorm);
  const dense = ffn.kind === 'dense' ? ffn : ffn.shared;
  return norms + mixerBytes(mixer) + (dense ? denseBytes(dense) : 0) + (ffn.kind === 'moe' ? routerBytes(ffn.routerWeight, ffn.expertCount) : 0);
}

function mixerBytes(mixer: LayerSpec['mixer']): number {
  const output = productBytes([mixer.output]);
  switch (mixer.kind) {
    case 'attention': {
      const { query, key, value, headNorm, sinks } = mixer;
      const headGain = headNorm ? rowBytes(headNorm.query, 1) + rowBytes(headNorm.key, 1) : 0;
      return output + productBytes([query, key, value]) + headGain + (sinks ? rowBytes(sinks) : 0);
    }
    case 'latent-attention': {
      const { query, latent, keyRotary, latentNorm, expand, headCount, plainSize, valueSize } = mixer;
      const queryBytes = 'weight' in query ? matrixBytes(query.weight) : matrixBytes(query.down) + rowBytes(query.norm) + matrixBytes(query.up);
      // Key and value parts that are apart in the file are joined as f32.
      const apart = headCount * (plainSize + valueSize) * roundUp(latent.rowCount, BLOCK_SIZE) * FLOAT_BYTES;
      const expandBytes = 'both' in expand ? matrixBytes(expand.both) : apart;
      return output + queryBytes + matrixBytes(latent) + matrixBytes(keyRotary) + rowBytes(latentNorm) + expandBytes;
    }
    case 'short-convolution':
      return output + productBytes([mixer.input]) + rowBytes(mixer.taps, 1);
  }
}

function denseBytes({ gate, up, down, share }: DenseFfnSpec & { readonly share?: TensorRef }): number {
  return productBytes(share ? [gate, up, { weight: share }] : [gate, up]) + productBytes([down]);
}

/** Rows as f32, and two biases behind them. */
function routerBytes({ columnCount }: TensorRef, expertCount: number): number {
  return (expertCount * roundUp(columnCount, BLOCK_SIZE) + 2 * roundUp(expertCount, 4)) * FLOAT_BYTES;
}

/** Packed matrices, and one bias row for all of them when any has one. */
function productBytes(linears: readonly LinearSpec[]): number {
  const biasBytes = linears.some(({ bias }) => bias) ? sum(linears.map(({ weight }) => weight.rowCount)) * FLOAT_BYTES : 0;
  return sum(linears.map(({ weight }) => matrixBytes(weight))) + biasBytes;
}

function normBytes({ gain, bias }: NormSpec): number {
  return rowBytes(gain) + (bias ? rowBytes(bias) : 0);
}

function rowBytes({ rowCount, columnCount }: TensorRef, multiple = BLOCK_SIZE): number {
  return rowCount * roundUp(columnCount, multiple) * FLOAT_BYTES;
}

function matrixBytes({ codec, rowCount, columnCount }: TensorRef): number {
  return packedMatrixBytes({ codec, rowCount, columnCount });
}

function shardedBytes(ref: TensorRef): number {
  return sum(shardRows(ref).map(({ rowCount }) => matrixBytes({ ...ref, rowCount })));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
