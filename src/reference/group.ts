import { ControlWord } from '../core/control';
import type { Reference } from './call';

/** Counting sort of the (token, k) pairs by expert. */
export const group: Reference = ({ control, params, constants, u32 }) => {
  const routes = u32('routes');
  const groups = u32('groups');
  const expertCount = params['expert_count']!;
  const pairCount = control[ControlWord.tokenCount]! * constants['TOP_K']!;
  let next = 0;
  for (let e = 0; e < expertCount; e++) {
    const first = next;
    for (let p = 0; p < pairCount; p++) {
      if (routes[params['routes_offset']! + p * 3] === e) groups[2 * expertCount + next++] = p;
    }
    groups[e] = next - first;
    groups[expertCount + e] = first;
  }
};

/** The pairs of each expert that is active in this pass, as the grouped products walk them. */
export function forEachActivePair(
  params: Readonly<Record<string, number>>,
  groups: Uint32Array,
  slotTable: Uint32Array,
  activeExperts: Uint32Array,
  visit: (slot: number, pairs: Uint32Array) => void,
): void {
  const expertCount = params['expert_count']!;
  for (let e = 0; e < expertCount; e++) {
    const at = params['table_offset']! + e;
    if (activeExperts[at] === 0 || groups[e] === 0) continue;
    const start = 2 * expertCount + groups[expertCount + e]!;
    visit(slotTable[at]!, groups.subarray(start, start + groups[e]!));
  }
}
