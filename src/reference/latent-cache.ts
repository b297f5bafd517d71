import { ControlWord } from '../core/control';
import type { Reference } from './call';
import { rotate } from './rope-cache';

/** Splits expanded latents into heads, turns what turns, writes queries, keys and values. */
export const latentCache: Reference = ({ control, params, constants, f32 }) => {
  const { head_count, plain_size, rotary_size, value_size } = params as Record<'head_count' | 'plain_size' | 'rotary_size' | 'value_size', number>;
  const size = plain_size + rotary_size;
  const isAdjacent = constants['ROPE'] === 2;
  const table = f32('rope_table');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const position = control[ControlWord.position]! + t;
    for (let h = 0; h < head_count; h++) {
      const q = t * params['query_in_stride']! + h * size;
      const query = f32('query_in').slice(q, q + size);
      rotate(query.subarray(plain_size), table, position, rotary_size, isAdjacent);
      f32('query').set(query, t * params['query_stride']! + h * size);

      const e = t * params['expanded_stride']! + h * (plain_size + value_size);
      const expanded = f32('expanded').subarray(e, e + plain_size + value_size);
      const r = t * params['rotary_stride']!;
      const turning = f32('key_rotary').slice(r, r + rotary_size);
      rotate(turning, table, position, rotary_size, isAdjacent);
      const key = (position * head_count + h) * size;
      f32('key_cache').set(expanded.subarray(0, plain_size), key);
      f32('key_cache').set(turning, key + plain_size);
      f32('value_cache').set(expanded.subarray(plain_size), (position * head_count + h) * value_size);
    }
  }
};
