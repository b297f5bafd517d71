// Which backend is made where there is no WebGPU. Where there is one, tests/engine and tests/browser use it.

import { describe, expect, test } from 'vitest';
import type { BackendChoice } from '../../src/core/api';
import { createBackend } from '../../src/worker/create-backend';
import { expectEngineError } from '../support/expect-engine-error';

const WITHOUT_ADAPTER = { requestAdapter: async () => null } as unknown as GPU;

describe.each([
  ['without WebGPU', undefined, 'This environment has no WebGPU.'],
  ['without an adapter', WITHOUT_ADAPTER, 'WebGPU found no graphics adapter.'],
] as const)('%s', (_title, gpu, reason) => {
  test('"webgpu" says so, with a way out', () => expectEngineError(() => createBackend('webgpu', gpu), 'no-adapter', 'CPU backend'));

  test('"auto" takes the CPU, with the reason', async () => {
    const { backend, fallbackReason } = await createBackend('auto', gpu);
    expect([backend.kind, backend.adapterName, fallbackReason]).toEqual(['cpu', 'CPU', reason]);
    await backend.dispose();
  });

  test('"cpu" is no fallback', async () => {
    const { backend, fallbackReason } = await createBackend('cpu', gpu);
    expect([backend.kind, fallbackReason]).toEqual(['cpu', undefined]);
    await backend.dispose();
  });

  test('another name is refused', () => expectEngineError(() => createBackend('cuda' as BackendChoice, gpu), 'invalid-argument', 'cuda'));
});
