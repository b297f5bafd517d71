import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECURITY_HEADERS } from '../../src/tools/content-security-policy.mjs';
import { createFileServer, listenOnFreePort, parseRange } from '../../src/tools/server.mjs';
import { type TestServer, startTestServer } from '../support/server';

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 7) % 256);
let folder: string;
let server: TestServer;

beforeAll(async () => {
  const parent = mkdtempSync(join(tmpdir(), 'sluice-server-'));
  folder = join(parent, 'site');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(parent, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(folder, 'assets/app-1a2b.js'), 'export {};');
  writeFileSync(join(folder, 'model.gguf'), bytes);
  writeFileSync(join(folder, 'empty.gguf'), '');
  server = await startTestServer(folder);
});

afterAll(async () => {
  await server.close();
  rmSync(join(folder, '..'), { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(`${server.origin}${path}`, { headers, method });
const bodyOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

/** A path sent as it stands; fetch would normalise it. */
function rawStatus(path: string): Promise<number | undefined> {
  return new Promise((settle, reject) => {
    const { port } = new URL(server.origin);
    request({ port, host: '127.0.0.1', path }, (response) => {
      response.resume();
      settle(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('whole files', () => {
  test('come with type, length, tag and the security headers', async () => {
    const response = await get('/');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(response.headers.get(name), name).toBe(value);
    expect(await response.text()).toContain('<title>page</title>');
    const script = await get('/assets/app-1a2b.js');
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(script.headers.get('cache-control')).toContain('immutable');
  });

  test('are not sent again to who has them, and are once they change', async () => {
    const tag = (await get('/model.gguf')).headers.get('etag') ?? '';
    expect((await get('/model.gguf', { 'If-None-Match': tag })).status).toBe(304);
    utimesSync(join(folder, 'model.gguf'), new Date(), new Date(1_600_000_000_000));
    const changed = await get('/model.gguf', { 'If-None-Match': tag });
    expect(changed.status).toBe(200);
    expect(await bodyOf(changed)).toEqual(bytes);
  });

  test('HEAD tells the size and sends nothing', async () => {
    const response = await get('/model.gguf', {}, 'HEAD');
    expect(response.headers.get('content-length')).toBe('1000');
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    expect((await bodyOf(response)).length).toBe(0);
  });

  test('an empty file is empty', async () => {
    const response = await get('/empty.gguf');
    expect(response.status).toBe(200);
    expect((await bodyOf(response)).length).toBe(0);
  });
});

describe('ranges', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=990-5000', 990, 1000],
    ['bytes=400-', 400, 1000],
    ['bytes=-8', 992, 1000],
    ['bytes=-5000', 0, 1000],
  ])('%s is bytes %i to %i', async (range, start, end) => {
    const response = await get('/model.gguf', { Range: range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/1000`);
    expect(response.headers.get('content-length')).toBe(String(end - start));
    expect(await bodyOf(response)).toEqual(bytes.subarray(start, end));
  });

  test.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('%s is refused with the size', async (range) => {
    const response = await get('/model.gguf', { Range: range });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */1000');
  });

  test.each(['bytes=5-2', 'bytes=-', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=a-b'])('%s is ignored: the whole file', async (range) => {
    const response = await get('/model.gguf', { Range: range });
    expect(response.status).toBe(200);
    expect((await bodyOf(response)).length).toBe(1000);
  });

  test('If-Range gives the range of the same file and the whole of a changed one', async () => {
    const tag = (await get('/model.gguf')).headers.get('etag') ?? '';
    expect((await get('/model.gguf', { Range: 'bytes=0-9', 'If-Range': tag })).status).toBe(206);
    expect((await get('/model.gguf', { Range: 'bytes=0-9', 'If-Range': '"another"' })).status).toBe(200);
  });

  test('offsets beyond 2³² stay exact', () => {
    const size = 40 * 2 ** 30;
    expect(parseRange(`bytes=${2 ** 33}-${2 ** 33 + 99}`, size)).toEqual({ start: 2 ** 33, end: 2 ** 33 + 99 });
  });
});

describe('what is not there', () => {
  test.each(['/missing.gguf', '/assets', '/%E0%A4%A', '/a%00b'])('%s is 404', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/../../secret.txt'])('%s does not lead out of the folder', async (path) => {
    expect(await rawStatus(path)).toBe(404);
  });

  test('writing is refused', async () => {
    const response = await get('/model.gguf', {}, 'DELETE');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });
});

test('a taken port gives way to the next', async () => {
  const taken = Number(new URL(server.origin).port);
  const second = createFileServer(folder);
  try {
    expect(await listenOnFreePort(second, [taken, 0])).not.toBe(taken);
    await expect(listenOnFreePort(createFileServer(folder), [taken])).rejects.toThrow('EADDRINUSE');
  } finally {
    second.close();
  }
});

test('the test server keeps count of ranges and stops', async () => {
  const own = await startTestServer(folder);
  await (await fetch(`${own.origin}/model.gguf`, { headers: { Range: 'bytes=1-2' } })).arrayBuffer();
  expect(own.requests).toEqual([{ method: 'GET', path: '/model.gguf', range: 'bytes=1-2' }]);
  await own.close();
  await expect(fetch(own.origin)).rejects.toThrow('fetch failed');
});
