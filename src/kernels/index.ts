// The closed list of operations. A backend runs exactly these.

import type { Kernel } from '../core/kernel';
import { activate } from './activate';
import { attention } from './attention';
import { combine } from './combine';
import { embed } from './embed';
import { expertDown } from './expert-down';
import { expertGateUp } from './expert-gate-up';
import { group } from './group';
import { groupedDown } from './grouped-down';
import { groupedGateUp } from './grouped-gate-up';
import { latentCache } from './latent-cache';
import { matMul } from './mat-mul';
import { matVec } from './mat-vec';
import { norm } from './norm';
import { ropeCache } from './rope-cache';
import { route } from './route';
import { sample } from './sample';
import { shortConvolution } from './short-convolution';

export const KERNELS: Readonly<Record<string, Kernel>> = Object.fromEntries(
  [
    activate,
    attention,
    combine,
    embed,
    expertDown,
    expertGateUp,
    group,
    groupedDown,
    groupedGateUp,
    latentCache,
    matMul,
    matVec,
    norm,
    ropeCache,
    route,
    sample,
    shortConvolution,
  ].map((kernel) => [kernel.name, kernel]),
);
