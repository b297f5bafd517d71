// The one place where policies have names, for the engine, the terminal and pages.

import { EngineError } from '../core/errors';
import { composePolicy } from './compose-policy';
import { ForecastRanking } from './policies/forecast';
import { LeastStaleRanking } from './policies/least-stale';
import { LfruRanking } from './policies/lfru';
import { LfuRanking } from './policies/lfu';
import { LruRanking } from './policies/lru';
import { DemandQuotas, EvenQuotas, GuardQuotas, NoQuotas } from './policies/quotas';
import type { PolicyShape, Quotas, Ranking, ResidencyPolicy } from './policy';

type QuotasName = 'even' | 'demand' | 'guard' | 'none';

const QUOTAS: Readonly<Record<QuotasName, (shape: PolicyShape) => Quotas>> = {
  even: () => new EvenQuotas(),
  demand: (shape: PolicyShape) => new DemandQuotas(shape),
  guard: () => new GuardQuotas(),
  none: () => new NoQuotas(),
};

const RANKINGS: Readonly<Record<string, { readonly create: (shape: PolicyShape) => Ranking; readonly quotas: QuotasName }>> = {
  forecast: { create: (shape: PolicyShape) => new ForecastRanking(shape), quotas: 'guard' },
  lru: { create: (shape: PolicyShape) => new LruRanking(shape), quotas: 'even' },
  lfu: { create: (shape: PolicyShape) => new LfuRanking(shape), quotas: 'even' },
  lfru: { create: (shape: PolicyShape) => new LfruRanking(shape), quotas: 'even' },
  'least-stale': { create: (shape: PolicyShape) => new LeastStaleRanking(shape), quotas: 'guard' },
};

export const DEFAULT_POLICY = 'forecast';

/** Policies worth comparing: each ranking with its usual quotas, and the pairs that published systems use. Any "ranking/quotas" is a policy. */
export const POLICY_NAMES: readonly string[] = [DEFAULT_POLICY, 'lru', 'lru/none', 'lfu', 'lfu/demand', 'lfu/none', 'lfru', 'least-stale', 'forecast/even'];

/** `name`: a ranking, or ranking/quotas such as "lru/none". Throws 'invalid-argument'. */
export function createPolicy(name: string, shape: PolicyShape): ResidencyPolicy {
  const [rankingName = '', quotasName, ...rest] = name.split('/');
  const entry = lookUp(RANKINGS, rankingName);
  const makeQuotas = lookUp(QUOTAS, quotasName ?? entry?.quotas ?? '');
  if (!entry || !makeQuotas || rest.length > 0) {
    const rankings = Object.keys(RANKINGS).join(', ');
    throw new EngineError(
      'invalid-argument',
      `The cache policy "${name}" is not known.`,
      `Use one of ${rankings}, or with quotas (${Object.keys(QUOTAS).join(', ')}): lru/none.`,
    );
  }
  return composePolicy(name, shape, entry.create(shape), makeQuotas(shape));
}

function lookUp<Entry>(table: Readonly<Record<string, Entry>>, name: string): Entry | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
