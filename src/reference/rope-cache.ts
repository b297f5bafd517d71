import { ControlWord } from '../core/control';
import { type Reference, inverseRms } from './call';

/** Head norms, rotary embedding, cache write. */
export const ropeCache: Reference = ({ control, params, constants, f32 }) => {
  const headCount = params['head_count']!;
  const kvHeadCount = params['kv_head_count']!;
  const size = params['head_size']!;
  const qkv = f32('qkv');
  const gain = f32('head_gain');
  const table = f32('rope_table');
  const query = f32('query');
  const keyCache = f32('key_cache');
  const valueCache = f32('value_cache');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const position = control[ControlWord.position]! + t;
    for (let head = 0; head < headCount + 2 * kvHeadCount; head++) {
      const source = t * params['input_stride']! + head * size;
      const x = qkv.slice(source, source + size);
      const isKey = head >= headCount && head < headCount + kvHeadCount;
      const isValue = head >= headCount + kvHeadCount;
      if (isValue) {
        valueCache.set(x, (position * kvHeadCount + head - headCount - kvHeadCount) * size);
        continue;
      }
      if (constants['HEAD_NORM'] !== 0) {
        const isRow = constants['HEAD_NORM'] === 2;
        const rowStart = isRow ? t * params['input_stride']! + (isKey ? headCount * size : 0) : source;
        const rowSize = isRow ? (isKey ? kvHeadCount : headCount) * size : size;
        const gainStart = isRow ? head * size : isKey ? size : 0;
        const scale = inverseRms(qkv, rowStart, rowSize, rowSize, params['norm_eps']!);
        for (let c = 0; c < size; c++) x[c] = x[c]! * gain[gainStart + c]! * scale;
      }
      if (constants['ROPE'] !== 0) rotate(x, table, position, params['rotary_size']!, constants['ROPE'] === 2);
      if (isKey) keyCache.set(x, (position * kvHeadCount + head - headCount) * size);
      else query.set(x, t * params['query_stride']! + head * size);
    }
  }
};

/** Turns the first `rotarySize` columns in place; table [position, rotary / 2] = (cos, sin). */
export function rotate(x: Float32Array, table: Float32Array, position: number, rotarySize: number, isAdjacent: boolean): void {
  const half = rotarySize / 2;
  for (let i = 0; i < half; i++) {
    const cos = table[(position * half + i) * 2]!;
    const sin = table[(position * half + i) * 2 + 1]!;
    const first = isAdjacent ? 2 * i : i;
    const second = isAdjacent ? 2 * i + 1 : i + half;
    const a = x[first]!;
    const b = x[second]!;
    x[first] = a * cos - b * sin;
    x[second] = b * cos + a * sin;
  }
}
