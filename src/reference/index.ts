// The meaning of every operation, by name.

import type { Reference } from './call';
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

export const REFERENCES: Readonly<Record<string, Reference>> = {
  activate,
  attention,
  combine,
  embed,
  'expert-down': expertDown,
  'expert-gate-up': expertGateUp,
  group,
  'grouped-down': groupedDown,
  'grouped-gate-up': groupedGateUp,
  'latent-cache': latentCache,
  'mat-mul': matMul,
  'mat-vec': matVec,
  norm,
  'rope-cache': ropeCache,
  route,
  sample,
  'short-convolution': shortConvolution,
};
