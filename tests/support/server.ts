// The server of `npm start`, for tests in Node: on a free port, counting what was asked for.

import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFileServer, listenOnFreePort } from '../../src/tools/server.mjs';

export interface TestServer {
  /** "http://127.0.0.1:PORT" without a slash at the end. */
  readonly origin: string;
  /** Every request so far: method, path and the Range header. */
  readonly requests: ReadonlyArray<{ readonly method: string; readonly path: string; readonly range: string | undefined }>;
  /** Stops listening and drops open connections, so that later requests fail at once. */
  close(): Promise<void>;
}

/** Serves the files under `root`. `port` is for starting again at the same address. */
export async function startTestServer(root: string, { headers = {}, port = 0 }: { headers?: Record<string, string>; port?: number } = {}): Promise<TestServer> {
  const server = createFileServer(root, { headers });
  const requests: Array<{ method: string; path: string; range: string | undefined }> = [];
  server.prependListener('request', (request: IncomingMessage) => {
    requests.push({ method: request.method ?? '', path: request.url ?? '', range: request.headers.range });
  });
  await listenOnFreePort(server, [port]);
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((settle) => {
        server.close(() => settle());
        server.closeAllConnections();
      }),
  };
}
