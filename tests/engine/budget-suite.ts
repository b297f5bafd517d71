// Streaming is exact: whatever the GPU budget, and however it changes on the way, tokens and logits are those of the fully resident model, bit for bit. And it
// costs what it may cost, counted: no halt when all is resident, one readback per step and halt, no buffer made in decode.

import { describe, expect } from 'vitest';
import type { Budget, GenerateResult } from '../../src/core/api';
import { Random } from '../../src/core/random';
import type { FetchUrgency } from '../../src/core/expert-supply';
import { TIER_INDEX } from '../../src/core/routing-frame';
import type { EngineCore } from '../../src/engine/engine-core';
import { bitsOf } from '../support/compare';
import { demoSource } from '../support/demo-model';
import { type Bench, GREEDY, type Lab, type Recording, record } from '../support/engine-lab';
import { expectEngineError } from '../support/expect-engine-error';
import { goldenPrompt, longPrompt } from '../support/golden';

/** How much to run; the slower the backend, the less. */
export interface BudgetSuiteSize {
  readonly domains: readonly string[];
  readonly tokenCount: number;
  readonly longPromptLength: number;
}

const BUDGETS: readonly Budget[] = ['5%', '25%', '50%'];

export function budgetSuite(lab: Lab, { domains, tokenCount, longPromptLength }: BudgetSuiteSize): void {
  const answers = new Map<string, Recording>();
  const requestOf = (domain: string) => ({ ...GREEDY, tokens: goldenPrompt(domain).tokens, maxTokens: tokenCount });

  /** The answer at 100 %, to which the budget is set. */
  async function resident(core: EngineCore, domain: string): Promise<Recording> {
    await core.setBudget({ gpuBytes: '100%' });
    const known = answers.get(domain) ?? (await record(core, requestOf(domain)));
    answers.set(domain, known);
    return known;
  }

  describe.each(BUDGETS)('a budget of %s', (gpuBytes) => {
    lab.demoTest('gives the tokens of the resident model and counts right', async (core, { backend }) => {
      for (const domain of domains) {
        const { fingerprint } = await resident(core, domain);
        const report = await core.setBudget({ gpuBytes });
        expect(report.gpuBytes).toBeLessThanOrEqual(Math.max(report.requestedGpuBytes, (report.minimumGpuSlots * report.gpuBytes) / report.gpuSlots));
        let readbacksBefore = 0;
        const onToken = ({ index }: { index: number }) => {
          if (index === 0) readbacksBefore = backend.counters.readbacks;
        };
        const streamed = await record(core, requestOf(domain), { onToken });
        expect(streamed.fingerprint).toEqual(fingerprint);
        const { stats } = streamed.result;
        const stepCount = tokenCount - 1;
        const { layerCount, topK } = core.shape;
        expect(stats.halts).toBeGreaterThan(0);
        expect(stats.halts).toBeLessThanOrEqual(stepCount * layerCount);
        expect(stats.expertHits + stats.expertMisses).toBe(stepCount * layerCount * topK);
        expect(stats.expertMisses).toBeGreaterThanOrEqual(stats.halts);
        expect(backend.counters.readbacks - readbacksBefore).toBeLessThanOrEqual(stepCount + stats.halts);
        expect(stats.readbacksPerToken * tokenCount).toBeLessThanOrEqual(tokenCount + stats.halts);
        expect(stats.buffersCreatedInDecode).toBe(0);
        expect(stats.bytesRead.disk).toBeGreaterThan(0);
      }
    });

    lab.demoTest('gives the logits and routes of the resident model', async (core) => {
      const tokens = longPrompt(longPromptLength);
      const expected = await core.logits(tokens);
      await core.setBudget({ gpuBytes });
      const streamed = await core.logits(tokens);
      expect(bitsOf(streamed.logits)).toEqual(bitsOf(expected.logits));
      expect(streamed.routes).toEqual(expected.routes);
    });
  });

  describe('a budget that changes', () => {
    lab.demoTest('in the middle of an answer changes no token', async (core) => {
      const domain = domains[0]!;
      const { fingerprint } = await resident(core, domain);
      const plan = new Map<number, Budget>([[1, '5%'], [4, '50%'], [6, '100%'], [9, '25%'], [10, '5%'], [11, '100%'], [13, '0%']]); // prettier-ignore
      const reports: Array<Promise<unknown>> = [];
      const onToken = ({ index }: { index: number }) => {
        const gpuBytes = plan.get(index);
        if (gpuBytes !== undefined) reports.push(core.setBudget({ gpuBytes }));
      };
      const changed = await record(core, requestOf(domain), { onToken });
      expect(changed.fingerprint).toEqual(fingerprint);
      expect(reports.length).toBeGreaterThan(4);
      await Promise.all(reports);
      expect(changed.result.stats.buffersCreatedInDecode).toBe(0);
      expect(changed.result.stats.halts).toBeGreaterThan(0);
    });

    lab.demoTest('at random, several times a token, changes no token', async (core) => {
      const domain = domains.at(-1)!;
      const { fingerprint } = await resident(core, domain);
      const random = new Random(11);
      const reports: Array<Promise<unknown>> = [];
      const onToken = () => {
        for (let count = random.integer(0, 2); count > 0; count--) reports.push(core.setBudget({ gpuBytes: `${random.integer(0, 100)}%` }));
      };
      expect((await record(core, requestOf(domain), { onToken })).fingerprint).toEqual(fingerprint);
      await Promise.all(reports);
    });

    lab.demoTest('while a long prompt is read changes no logit', async (core, bench) => {
      const tokens = longPrompt(longPromptLength);
      const expected = await core.logits(tokens);
      const changing = await openChanging(bench);
      const { logits, routes } = await changing.core.logits(tokens);
      expect(bitsOf(logits)).toEqual(bitsOf(expected.logits));
      expect(routes).toEqual(expected.routes);
      expect(changing.changeCount()).toBeGreaterThan(4);
    });
  });

  lab.demoTest('a resident model never halts, and reads back one record a token', async (core, bench) => {
    const request = requestOf(domains[0]!);
    const expectNoHalt = ({ stats }: GenerateResult) => {
      expect(stats).toMatchObject({ halts: 0, expertMisses: 0, buffersCreatedInDecode: 0, bytesRead: { ram: 0, disk: 0, network: 0 } });
      expect(stats.expertHits).toBe((tokenCount - 1) * core.shape.layerCount * core.shape.topK);
      expect(stats.readbacksPerToken).toBeLessThanOrEqual(1);
    };
    const fresh = await bench.open(await demoSource());
    expect(fresh.stats().expertsHeld).toMatchObject({ gpu: 192, total: 192 });
    expectNoHalt(await fresh.generate(request));
    await core.setBudget({ gpuBytes: '5%' });
    await resident(core, domains[0]!);
    // Experts that went with the small budget come back as they are used.
    await core.generate(request);
    expectNoHalt(await core.generate(request));
  });

  lab.demoTest('free slots are filled with what is worth most, behind all else, and nobody gives way', async (core, bench) => {
    const request = requestOf(domains[0]!);
    const { fingerprint } = await resident(core, domains[0]!);
    const urgencies = new Set<FetchUrgency | undefined>();
    const filled = await bench.open(await demoSource(), {
      budget: '25%',
      wrapFetch: (fetch) => (layer, expert, options) => {
        urgencies.add(options?.urgency);
        return fetch(layer, expert, options);
      },
    });
    await filled.generate(request);
    const atQuarter = filled.residency();
    await filled.fillFreeSlots();
    expect(filled.residency()).toEqual(atQuarter);

    const { gpuSlots } = await filled.setBudget({ gpuBytes: '50%' });
    urgencies.clear();
    let moveCount = 0;
    filled.onMoved = () => moveCount++;
    await filled.fillFreeSlots();
    expect(urgencies).toEqual(new Set(['prefetch']));
    expect(filled.stats().expertsHeld.gpu).toBe(gpuSlots);
    expect(moveCount).toBe(gpuSlots - atQuarter.filter((tier) => tier === TIER_INDEX.gpu).length);
    const atHalf = filled.residency();
    atQuarter.forEach((tier, expert) => {
      if (tier === TIER_INDEX.gpu) expect(atHalf[expert]).toBe(tier);
    });

    await filled.setBudget({ gpuBytes: '100%' });
    await filled.fillFreeSlots();
    const { fingerprint: after, result } = await record(filled, request);
    expect(after).toEqual(fingerprint);
    expect(result.stats).toMatchObject({ halts: 0, expertMisses: 0 });
  });

  lab.demoTest('memory follows the budget, and comes back', async (core, { backend }) => {
    const before = backend.allocatedBytes;
    const full = core.stats();
    const small = await core.setBudget({ gpuBytes: '25%' });
    expect(before - backend.allocatedBytes).toBe(full.budget.gpuBytes - small.gpuBytes);
    expect(small.gpuBytes).toBeLessThanOrEqual(full.budget.expertTotalBytes * 0.25);
    expect(core.stats().expertsHeld.gpu).toBe(small.gpuSlots);
    await core.setBudget({ gpuBytes: '100%' });
    expect(backend.allocatedBytes).toBe(before);
  });

  lab.demoTest('a budget that is none is refused and changes nothing', async (core) => {
    const before = core.stats().budget;
    for (const gpuBytes of ['101%', '-5%', 'much', -1, Number.NaN, Number.POSITIVE_INFINITY] as Budget[]) {
      await expectEngineError(() => core.setBudget({ gpuBytes }), 'invalid-argument', /budget/);
    }
    expect(core.stats().budget).toEqual(before);
  });
}

/** A demo model that changes its own budget at every 9th expert it fetches, first from within a prompt's chunk. */
async function openChanging(bench: Bench): Promise<{ readonly core: EngineCore; changeCount(): number }> {
  const cycle: readonly Budget[] = ['50%', '5%', '100%', '25%', '0%'];
  let isArmed = false;
  let fetchCount = 0;
  let changeCount = 0;
  const reports: Array<Promise<unknown>> = [];
  const core: EngineCore = await bench.open(await demoSource(), {
    budget: '5%',
    wrapFetch: (fetch) => (layer, expert, options) => {
      if (isArmed && fetchCount++ % 9 === 0) reports.push(core.setBudget({ gpuBytes: cycle[changeCount++ % cycle.length]! }));
      return fetch(layer, expert, options);
    },
  });
  isArmed = true;
  return { core, changeCount: () => changeCount };
}
