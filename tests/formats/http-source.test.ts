// The HTTP source against a real server with real faults.

import { afterEach, describe, expect, it } from 'vitest';
import { openHttpSource } from '../../src/formats/http-source';
import { Random } from '../../src/core/random';
import { expectEngineError } from '../support/expect-engine-error';
import { startRangeServer, type Fault, type RangeServer } from '../support/range-server';

const random = new Random(7);
const bytes = Uint8Array.from({ length: 1_000_000 }, () => random.integer(0, 255));
const quick = { firstRetryMs: 5, inactivityMs: 20_000 };

let server: RangeServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(fault?: Fault, headers?: Record<string, string>): Promise<RangeServer> {
  server = await startRangeServer(bytes, fault, headers);
  return server;
}

/** A fault that answers with a status, for the requests that `when` picks. */
function status(code: number, when: (count: number) => boolean = () => true): Fault {
  return (_request, response, count) => {
    if (!when(count)) return false;
    response.statusCode = code;
    response.end('no');
    return true;
  };
}

describe('openHttpSource', () => {
  it('reads ranges, and the start of the file without a second request', async () => {
    const { url, log } = await serve();
    const source = await openHttpSource(url, quick);
    expect(source.sizeBytes).toBe(bytes.byteLength);
    expect(source.identity).toContain('"one"');
    expect(await source.read(10, 1000)).toEqual(bytes.slice(10, 1010));
    expect(log).toHaveLength(1);
    expect(await source.read(300_000, 70_000)).toEqual(bytes.slice(300_000, 370_000));
    expect(log[1]).toBe('206 300000-369999');
    expect(await source.read(bytes.byteLength - 1, 1)).toEqual(bytes.slice(-1));
    expect(await source.read(bytes.byteLength, 0)).toHaveLength(0);
  });

  it('refuses a range beyond the file', async () => {
    const source = await openHttpSource((await serve()).url, quick);
    await expectEngineError(() => source.read(bytes.byteLength - 10, 11), 'file-truncated');
  });

  it.each(['ftp://example.org/a.gguf', '/a.gguf', 'http://user:secret@example.org/a.gguf', 'javascript:alert(1)', ''])(
    'refuses the address "%s"',
    async (url) => {
      await expectEngineError(() => openHttpSource(url, quick), 'invalid-argument');
    },
  );

  it('says when there is no file', async () => {
    const { url, log } = await serve(status(404));
    await expectEngineError(() => openHttpSource(url, quick), 'source-not-found', '404');
    expect(log).toHaveLength(1);
  });

  it('says when the server ignores ranges, however small the file', async () => {
    await expectEngineError(async () => openHttpSource((await serve(status(200))).url, quick), 'source-no-ranges');
  });

  it('says when the server does not show the size', async () => {
    const fault: Fault = (_request, response) => {
      response.writeHead(206, {});
      response.end('abc');
      return true;
    };
    await expectEngineError(async () => openHttpSource((await serve(fault)).url, quick), 'source-no-ranges', 'Content-Range');
  });

  it.each([401, 403, 418])('gives up at once at status %i, and names it', async (code) => {
    const { url, log } = await serve(status(code));
    await expectEngineError(() => openHttpSource(url, quick), 'source-network', String(code));
    expect(log).toHaveLength(1);
  });

  it('tries again at status 503, and then goes on', async () => {
    const { url, log } = await serve(status(503, (count) => count < 3));
    const source = await openHttpSource(url, quick);
    expect(source.sizeBytes).toBe(bytes.byteLength);
    expect(log.slice(0, 3)).toEqual(['503', '503', '503']);
  });

  it('gives up when status 503 stays', async () => {
    const { url, log } = await serve(status(503));
    await expectEngineError(() => openHttpSource(url, quick), 'source-network', '503');
    expect(log).toHaveLength(5);
  });

  it('reports a server that is not there', async () => {
    const { url } = await serve();
    await server?.close();
    await expectEngineError(() => openHttpSource(url, quick), 'source-network');
  });

  it('goes on from where a body broke off', async () => {
    const { url, log } = await serve((request, response, count) => {
      if (count !== 1) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, { 'Content-Range': `bytes ${start}-${start + 99_999}/${bytes.byteLength}`, 'Content-Length': 100_000, ETag: '"one"' });
      response.write(bytes.subarray(start, start + 40_000), () => response.destroy());
      return true;
    });
    const source = await openHttpSource(url, quick);
    expect(await source.read(500_000, 100_000)).toEqual(bytes.slice(500_000, 600_000));
    expect(log).toHaveLength(3);
    expect(log[2]).toBe('206 540000-599999');
  });

  it('asks for the rest when the server gives shorter ranges', async () => {
    const { url } = await serve((request, response, count) => {
      if (count === 0) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      const end = Math.min(start + 30_000, 600_000);
      response.writeHead(206, { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.byteLength}`, ETag: '"one"' });
      response.end(bytes.subarray(start, end));
      return true;
    });
    const source = await openHttpSource(url, quick);
    expect(await source.read(500_000, 100_000)).toEqual(bytes.slice(500_000, 600_000));
  });

  it('refuses a range that was not asked for', async () => {
    const { url } = await serve((_request, response, count) => {
      if (count === 0) return false;
      response.writeHead(206, { 'Content-Range': `bytes 0-9/${bytes.byteLength}`, ETag: '"one"' });
      response.end(bytes.subarray(0, 10));
      return true;
    });
    const source = await openHttpSource(url, quick);
    await expectEngineError(() => source.read(500_000, 10), 'source-network');
  });

  it('notices a silent server', async () => {
    const { url } = await serve(() => true);
    await expectEngineError(() => openHttpSource(url, { ...quick, inactivityMs: 30 }), 'source-timeout');
  });

  it('notices a body that stalls', async () => {
    const { url } = await serve((request, response, count) => {
      if (count === 0) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, { 'Content-Range': `bytes ${start}-599999/${bytes.byteLength}`, ETag: '"one"' });
      response.write(bytes.subarray(start, start + 10));
      return true;
    });
    const source = await openHttpSource(url, { ...quick, inactivityMs: 300 });
    await expectEngineError(() => source.read(500_000, 100_000), 'source-timeout');
  });

  it.each([
    ['ETag', { ETag: '"one"' }, { ETag: '"two"' }],
    ['Last-Modified', { 'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT' }, { 'Last-Modified': 'Tue, 02 Jan 2024 00:00:00 GMT' }],
  ])('notices another %s', async (_name, first, second) => {
    const { url } = await serve((_request, response, count) => {
      if (count === 0) return false;
      response.writeHead(206, { 'Content-Range': `bytes 500000-500009/${bytes.byteLength}`, ...second });
      response.end(bytes.subarray(500_000, 500_010));
      return true;
    }, first);
    const source = await openHttpSource(url, quick);
    await expectEngineError(() => source.read(500_000, 10), 'source-changed');
  });

  it('stops when it is told to: before, while waiting for the answer, between repetitions', async () => {
    const { url } = await serve(() => true);
    await expectEngineError(() => openHttpSource(url, { ...quick, signal: AbortSignal.abort() }), 'aborted');
    await expectEngineError(() => openHttpSource(url, { inactivityMs: 60_000, signal: AbortSignal.timeout(30) }), 'aborted');
    await server?.close();
    const { url: failing } = await serve(status(503));
    await expectEngineError(() => openHttpSource(failing, { firstRetryMs: 60_000, signal: AbortSignal.timeout(50) }), 'aborted');
  });

  it('reads neighbours with one request, and goes on for all of them from where it broke off', async () => {
    const { url, log } = await serve((request, response, count) => {
      if (count !== 1) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, { 'Content-Range': `bytes ${start}-${start + 99_999}/${bytes.byteLength}`, 'Content-Length': 100_000, ETag: '"one"' });
      response.write(bytes.subarray(start, start + 45_000), () => response.destroy());
      return true;
    });
    const source = await openHttpSource(url, quick);
    const parts = await Promise.all([0, 1, 2, 3].map((index) => source.read(500_000 + index * 25_000, 25_000)));
    parts.forEach((part, index) => expect(part).toEqual(bytes.slice(500_000 + index * 25_000, 525_000 + index * 25_000)));
    expect(log.slice(2)).toEqual(['206 545000-599999']);
  });

  it('tells every reader of a request what stopped it', async () => {
    const { url, log } = await serve(status(403, (count) => count > 0));
    const source = await openHttpSource(url, quick);
    const reads = [0, 1, 2].map((index) => source.read(500_000 + index * 1000, 1000));
    await Promise.all(reads.map((read) => expectEngineError(() => read, 'source-network', '403')));
    expect(log.slice(1)).toEqual(['403']);
  });

  it('ends a request when its last reader gives up', async () => {
    let isEnded = false;
    const { url } = await serve((_request, response, count) => {
      if (count > 0) response.once('close', () => (isEnded = true));
      return count > 0;
    });
    const source = await openHttpSource(url, { inactivityMs: 60_000 });
    const givers = [new AbortController(), new AbortController()];
    const reads = givers.map(({ signal }, index) => source.read(500_000 + index * 1000, 1000, signal));
    const [first, second] = reads.map((read) => expectEngineError(() => read, 'aborted'));
    givers[0]!.abort();
    await first;
    await pause(50);
    expect(isEnded).toBe(false);
    givers[1]!.abort();
    await second;
    await expect.poll(() => isEnded).toBe(true);
  });

  it('keeps to its limit of requests at a time', async () => {
    const { url, mostOpen } = await serve((request, response, count) => {
      if (count === 0) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      const answer = (): void => {
        response.writeHead(206, { 'Content-Range': `bytes ${start}-${start + 99}/${bytes.byteLength}`, ETag: '"one"' });
        response.end(bytes.subarray(start, start + 100));
      };
      setTimeout(answer, 10);
      return true;
    });
    const source = await openHttpSource(url, { ...quick, concurrency: 3 });
    // Too far apart for one request.
    const parts = await Promise.all(Array.from({ length: 9 }, (_, index) => source.read(300_000 + index * 70_000, 100)));
    parts.forEach((part, index) => expect(part).toEqual(bytes.slice(300_000 + index * 70_000, 300_100 + index * 70_000)));
    expect(mostOpen()).toBe(3);
  });
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
