// What the grouped expert products share: a batch's routes grouped by expert, a slot table in which experts that are not active have no slot, and both buffers
// as one layer's row among others.

import { MISSING_SLOT } from '../../src/core/control';
import type { Random } from '../../src/core/random';
import { groupRoutes, randomRoutes, shuffledSlots } from './test-routes';

export interface GroupedShape {
  readonly columnCount: number;
  readonly rowCount: number;
  readonly tokenCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly tableOffset?: number;
  /** Experts of this pass; default: all. */
  readonly isActive?: (expert: number) => boolean;
}

export interface GroupedBuffers {
  readonly groups: Uint32Array;
  readonly slot_table: Uint32Array;
  readonly active_experts: Uint32Array;
}

export function groupedBuffers(
  random: Random,
  { tokenCount, expertCount, topK, tableOffset = 0, isActive = () => true }: GroupedShape,
  slotCount: number,
): GroupedBuffers {
  const slotTable = shuffledSlots(random, expertCount, Math.max(slotCount, expertCount), tableOffset);
  const active = new Uint32Array(tableOffset + expertCount).fill(1, 0, tableOffset);
  let nextSlot = 0;
  for (let e = 0; e < expertCount; e++) {
    active[tableOffset + e] = isActive(e) ? 1 : 0;
    if (!isActive(e)) slotTable[tableOffset + e] = MISSING_SLOT;
    else if (slotCount < expertCount) slotTable[tableOffset + e] = nextSlot++;
  }
  const routes = randomRoutes(random, tokenCount, topK, slotTable, tableOffset);
  return { groups: groupRoutes(routes, expertCount), slot_table: slotTable, active_experts: active };
}

export function describeGrouped({ columnCount, rowCount, tokenCount, expertCount, topK, isActive }: GroupedShape): string {
  return `${tokenCount} tokens to ${topK} of ${expertCount} experts, ${columnCount} → ${rowCount}${isActive ? ', some active' : ''}`;
}
