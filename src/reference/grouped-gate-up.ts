import type { Reference } from './call';
import { gatedRows } from './expert-gate-up';
import { forEachActivePair } from './group';

/** a[pair, r] = gated(dot(G_e[r, :], m[t, :]), dot(U_e[r, :], m[t, :])) for every pair of the active experts. */
export const groupedGateUp: Reference = (call) => {
  const { params, constants, f32, u32 } = call;
  const output = f32('output');
  forEachActivePair(params, u32('groups'), u32('slot_table'), u32('active_experts'), (slot, pairs) => {
    for (const pair of pairs) {
      const token = Math.floor(pair / constants['TOP_K']!);
      output.set(gatedRows(call, slot, token * params['input_stride']!), pair * params['output_stride']!);
    }
  });
};
