// The meaning of every operation, by name.

import type { Reference } from './call';
import { attention } from './attention';
import { combine } from './combine';
import { embed } from './embed';
import { expertDown } from './expert-down';
import { expertGateUp } from './expert-gate-up';
import { group } from './group';
import { groupedDown } from './grouped-down';
import { groupedGateUp } from './grouped-gate-up';
import { matMul } from './mat-mul';
import { matVec } from './mat-vec';
import { rmsNorm } from './rms-norm';
import { ropeCache } from './rope-cache';
import { route } from './route';
import { sample } from './sample';

export const REFERENCES: Readonly<Record<string, Reference>> = {
  attention,
  combine,
  embed,
  'expert-down': expertDown,
  'expert-gate-up': expertGateUp,
  group,
  'grouped-down': groupedDown,
  'grouped-gate-up': groupedGateUp,
  'mat-mul': matMul,
  'mat-vec': matVec,
  'rms-norm': rmsNorm,
  'rope-cache': ropeCache,
  route,
  sample,
};
