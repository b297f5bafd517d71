// A web server with a small model and with every fault that real servers have, each at an address of its own. Browser tests find it as
// `inject('modelServer')`; it is started before them, in Node.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { tinyQwen3Moe } from './gguf-writer';

declare module 'vitest' {
  interface ProvidedContext {
    /** Origins without a slash at the end; nobody listens at `nobody`. */
    modelServer: { readonly origin: string; readonly nobody: string };
  }
}

const MODEL = tinyQwen3Moe();
/** Enough experts that a tenth of them is not all that a token uses. */
const WIDE_MODEL = tinyQwen3Moe({ layers: 4, experts: 16, topK: 2, hidden: 64, ffn: 64 });
const ACROSS_ORIGINS = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Content-Range, ETag', ETag: '"one"' };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/good.gguf': (request, response) => answerRange(MODEL, request, response, ACROSS_ORIGINS),
  '/wide.gguf': (request, response) => answerRange(WIDE_MODEL, request, response, ACROSS_ORIGINS),
  '/no-ranges.gguf': (_request, response) => void response.writeHead(200, { ...ACROSS_ORIGINS, 'Content-Length': MODEL.byteLength }).end(MODEL),
  '/hidden-range.gguf': (request, response) => answerRange(MODEL, request, response, { 'Access-Control-Allow-Origin': '*' }),
  '/private.gguf': (_request, response) => void response.writeHead(403, ACROSS_ORIGINS).end(),
  '/text.gguf': (request, response) => answerRange(new TextEncoder().encode('<!doctype html>'), request, response, ACROSS_ORIGINS),
  '/cut.gguf': (request, response) => answerRange(MODEL.subarray(0, MODEL.byteLength - 1), request, response, ACROSS_ORIGINS),
};

export interface ModelServer {
  readonly origin: string;
  close(): Promise<void>;
}

export async function startModelServer(): Promise<ModelServer> {
  const server = createServer((request, response) => {
    const answer = ANSWERS[new URL(request.url ?? '/', 'http://server').pathname];
    if (answer) answer(request, response);
    else response.writeHead(404, ACROSS_ORIGINS).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An origin that refuses connections: a port that was free a moment ago. */
export async function nobodyListens(): Promise<string> {
  const { origin, close } = await startModelServer();
  await close();
  return origin;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { origin, close } = await startModelServer();
  project.provide('modelServer', { origin, nobody: await nobodyListens() });
  return close;
}

function answerRange(file: Uint8Array, request: IncomingMessage, response: ServerResponse, headers: Record<string, string>): void {
  const [start = 0, last = file.byteLength - 1] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number);
  const bytes = file.subarray(start, Math.min(last + 1, file.byteLength));
  const range = `bytes ${start}-${start + bytes.byteLength - 1}/${file.byteLength}`;
  response.writeHead(206, { ...headers, 'Content-Range': range, 'Content-Length': bytes.byteLength }).end(bytes);
}
