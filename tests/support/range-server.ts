// A web server with one file and with the faults of real ones, on demand.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RangeServer {
  readonly url: string;
  /** What the server answered with, in order: "206 0-99", "404", … */
  readonly log: string[];
  /** Most requests that were open at a time. */
  readonly mostOpen: () => number;
  close(): Promise<void>;
}

/** Does something else than answering the range; false: answer it after all. `count` is the number of earlier requests. */
export type Fault = (request: IncomingMessage, response: ServerResponse, count: number) => boolean;

export async function startRangeServer(
  bytes: Uint8Array,
  fault: Fault = () => false,
  headers: Record<string, string> = { ETag: '"one"' },
): Promise<RangeServer> {
  const log: string[] = [];
  const openResponses = new Set<ServerResponse>();
  let mostOpen = 0;
  let count = 0;
  const server: Server = createServer((request, response) => {
    mostOpen = Math.max(mostOpen, openResponses.add(response).size);
    for (const event of ['finish', 'close']) response.once(event, () => openResponses.delete(response));
    if (fault(request, response, count++)) {
      log.push(String(response.statusCode));
      return;
    }
    const [start = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number);
    const end = Math.min(last, bytes.byteLength - 1);
    log.push(`206 ${start}-${end}`);
    response.writeHead(206, { 'Content-Range': `bytes ${start}-${end}/${bytes.byteLength}`, 'Content-Length': end - start + 1, ...headers });
    response.end(bytes.subarray(start, end + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`, log, mostOpen: () => mostOpen, close };
}
