// What programs are built from.

import type { DeviceBuffer } from '../core/backend';
import type { ModelSpec } from '../model/spec';
import type { ExpertLayout } from './expert-layout';
import type { Trunk } from './trunk';
import type { Shape, Workspace } from './workspace';

export interface ProgramInputs {
  readonly spec: ModelSpec;
  readonly shape: Shape;
  readonly trunk: Trunk;
  readonly workspace: Workspace;
  /** [MoE layer] */
  readonly layouts: readonly ExpertLayout[];
  readonly slotBytes: number;
  readonly slotTable: DeviceBuffer;
  /** By number among the MoE layers. */
  slabOf(layer: number): DeviceBuffer;
  /** Workgroups are dear on software adapters, so each gets more rows there. It changes no arithmetic. */
  readonly isSoftware: boolean;
}
