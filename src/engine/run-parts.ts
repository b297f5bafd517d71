// What running a model takes, for prompts and for decode steps alike.

import type { Backend } from '../core/backend';
import type { CompiledPrograms } from './compiled';
import type { ExpertCache } from './expert-cache';
import type { TimeLedger } from './time-ledger';
import type { Shape, Workspace } from './workspace';

export interface RunParts {
  readonly backend: Backend;
  readonly programs: CompiledPrograms;
  readonly cache: ExpertCache;
  readonly workspace: Workspace;
  readonly shape: Shape;
  readonly times: TimeLedger;
}
