import { ControlWord } from '../core/control';
import { type Reference, inverseRms } from './call';

/** Head norms, rotary embedding (half-split pairing), cache write. */
export const ropeCache: Reference = ({ control, params, constants, f32 }) => {
  const headCount = params['head_count']!;
  const kvHeadCount = params['kv_head_count']!;
  const size = params['head_size']!;
  const half = params['rotary_size']! / 2;
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
      if (constants['HAS_HEAD_NORM'] === 1) {
        const scale = inverseRms(x, 0, size, size, params['norm_eps']!);
        for (let c = 0; c < size; c++) x[c] = x[c]! * gain[(isKey ? size : 0) + c]! * scale;
      }
      for (let c = 0; c < half; c++) {
        const cos = table[(position * half + c) * 2]!;
        const sin = table[(position * half + c) * 2 + 1]!;
        const a = x[c]!;
        const b = x[c + half]!;
        x[c] = a * cos - b * sin;
        x[c + half] = b * cos + a * sin;
      }
      if (isKey) keyCache.set(x, (position * kvHeadCount + head - headCount) * size);
      else query.set(x, t * params['query_stride']! + head * size);
    }
  }
};
