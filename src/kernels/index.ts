// The closed list of operations. A backend runs exactly these.

import type { Kernel } from '../core/kernel';
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

export const KERNELS: Readonly<Record<string, Kernel>> = Object.fromEntries(
  [attention, combine, embed, expertDown, expertGateUp, group, groupedDown, groupedGateUp, matMul, matVec, rmsNorm, ropeCache, route, sample].map((kernel) => [
    kernel.name,
    kernel,
  ]),
);
