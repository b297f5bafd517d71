// What src/tools/bench.mjs runs in the page.

import { type DecodeBenchResult, benchDecode } from './decode-rates';
import type { StoreBenchReply, StoreBenchRequest } from './store-bench-worker';
import type { StoreBenchResult } from './store-rates';
import { type UploadBenchResult, benchUpload } from './upload-rates';

export interface SluiceBench {
  store(request: StoreBenchRequest): Promise<StoreBenchResult>;
  upload(): Promise<UploadBenchResult>;
  decode(backend: 'webgpu' | 'cpu', tokenCount: number): Promise<DecodeBenchResult>;
}

declare global {
  var sluiceBench: SluiceBench;
}

globalThis.sluiceBench = {
  upload: benchUpload,
  decode: benchDecode,
  store: (request) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./store-bench-worker.ts', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }: MessageEvent<StoreBenchReply>) => {
        worker.terminate();
        if ('result' in data) resolve(data.result);
        else reject(new Error(data.error));
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(request);
    }),
};
