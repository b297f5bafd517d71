// The GPU device goes away: a driver reset, a watchdog, another program that takes all memory. Here `destroy()` from outside takes it away at the worst moments.

import { afterEach, expect, test } from 'vitest';
import type { GenerateRequest } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import { requestGpuDevice } from '../../src/gpu/device';
import { WebGpuBackend } from '../../src/gpu/webgpu-backend';
import { KERNELS } from '../../src/kernels';
import { EngineHost } from '../../src/worker/engine-host';
import { type OpenedEngine, openEngine } from '../../src/worker/open-engine';
import { demoSource } from '../support/demo-model';
import { GREEDY } from '../support/engine-lab';
import { expectEngineError } from '../support/expect-engine-error';
import { requestTestDevice, testGpu } from '../support/gpu';
import { goldenPrompt, longPrompt } from '../support/golden';

/** A host whose devices can be destroyed, oldest first, and whose model can become unreachable. */
class Rig {
  readonly devices: GPUDevice[] = [];
  isReachable = true;
  readonly open = async (): Promise<OpenedEngine> => {
    if (!this.isReachable) throw new EngineError('source-network', 'The model cannot be reached.', 'Check the connection.');
    const found = await requestGpuDevice(await testGpu());
    this.devices.push(found.device);
    return openEngine({
      sourceName: 'demo',
      openSource: demoSource,
      isDemo: true,
      backend: new WebGpuBackend(found, KERNELS),
      notices: [],
      clock: () => performance.now(),
      now: () => Date.now(),
      onProgress: () => undefined,
    });
  };
  lose(): void {
    this.devices.at(-1)?.destroy();
  }
}

const golden = goldenPrompt('stories');
let host: EngineHost | undefined;
afterEach(async () => {
  await host?.dispose();
  host = undefined;
});

function lossTest(title: string, check: (rig: Rig, host: EngineHost) => Promise<void>): void {
  test(title, async (context) => {
    const found = await requestTestDevice();
    if (!found) return void context.skip('no WebGPU adapter');
    found.device.destroy();
    const rig = new Rig();
    host = await EngineHost.start(rig.open);
    await check(rig, host);
  });
}

const request = (maxTokens: number): GenerateRequest => ({ ...GREEDY, tokens: golden.tokens, maxTokens });

async function expectGoldenAnswer(host: EngineHost): Promise<void> {
  const { tokens } = await host.generate(request(12), {});
  expect(tokens).toEqual(golden.greedyTokens.slice(0, 12));
}

/** Generates until the device is lost at a token. */
async function loseAtToken(rig: Rig, host: EngineHost, index: number): Promise<void> {
  await expectEngineError(
    () =>
      host.generate(request(500), {
        onToken: (token) => {
          if (token.index === index) rig.lose();
        },
      }),
    'device-lost',
  );
}

lossTest('while an answer is written: it ends with "device-lost", the next is right', async (rig, host) => {
  await expectGoldenAnswer(host);
  for (const index of [3, 0]) {
    await loseAtToken(rig, host, index);
    await expectGoldenAnswer(host);
  }
  expect(rig.devices).toHaveLength(3);
  expect((await host.stats()).halts).toBe(0);
});

lossTest('while others wait: they are answered by the next engine', async (rig, host) => {
  const losing = loseAtToken(rig, host, 1);
  const waiting = [host.generate(request(6), {}), host.generate(request(3), {})];
  await losing;
  const tokens = (await Promise.all(waiting)).map((result) => result.tokens);
  expect(tokens).toEqual([golden.greedyTokens.slice(0, 6), golden.greedyTokens.slice(0, 3)]);
  expect(rig.devices).toHaveLength(2);
});

lossTest('while a prompt is read', async (rig, host) => {
  let chunkCount = 0;
  host.onRouting = ({ phase }) => {
    if (phase === 'prefill' && ++chunkCount === 1) rig.lose();
  };
  await expectEngineError(() => host.generate({ ...GREEDY, tokens: longPrompt(200), maxTokens: 4 }, {}), 'device-lost');
  expect(chunkCount).toBe(1);
  await expectGoldenAnswer(host);
});

lossTest('while nothing runs: nobody notices', async (rig, host) => {
  rig.lose();
  await rig.devices[0]!.lost;
  await expectGoldenAnswer(host);
  expect(rig.devices).toHaveLength(2);
});

lossTest('with a reader of routing and a smaller budget: both are there again', async (rig, host) => {
  const positions: number[] = [];
  host.onRouting = ({ position, tokenIds }) => positions.push(...tokenIds.map((_, index) => position + index));
  await host.setBudget({ gpuBytes: '25%', ramBytes: 5_000_000 });
  await loseAtToken(rig, host, 1);
  positions.length = 0;
  await expectGoldenAnswer(host);
  expect(positions).toEqual(Array.from({ length: golden.tokens.length + 11 }, (_, index) => index));
  expect((await host.stats()).budget).toMatchObject({ gpuSlots: 48, ramBytes: 5_000_000 });
});

lossTest('when the model cannot be opened again, that is the error; later it can', async (rig, host) => {
  rig.isReachable = false;
  await loseAtToken(rig, host, 1);
  await expectEngineError(() => host.generate(request(4), {}), 'source-network');
  await expectEngineError(() => host.tokenize('a'), 'source-network');
  rig.isReachable = true;
  await expectGoldenAnswer(host);
});

lossTest('and disposing at once ends all', async (rig, host) => {
  await loseAtToken(rig, host, 1);
  const disposing = host.dispose();
  await expectEngineError(() => host.generate(request(4), {}), 'disposed');
  await disposing;
});
