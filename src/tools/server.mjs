// Serves a folder over HTTP: the built app for `npm start` and for tests. Range requests are answered as RFC 9110 asks (206, 416, If-Range, ETag), because
// models are read by range; every answer carries the headers in content-security-policy.mjs.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SECURITY_HEADERS } from './content-security-policy.mjs';

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/**
 * A server, not yet listening, for the files under `root`.
 * @param {string} root
 * @param {{ headers?: Record<string, string> }} [options] headers: sent beside the security headers, or instead of those of the same name
 */
export function createFileServer(root, { headers = {} } = {}) {
  return createServer((request, response) => {
    for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, ...headers })) response.setHeader(name, value);
    answer(resolve(root), request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'The file could not be read.');
    });
  });
}

/**
 * Starts to listen on the first free port of those given; 0 is any free port. Resolves to the port.
 * @param {import('node:http').Server} server
 * @param {readonly number[]} ports
 * @param {string} [host]
 * @returns {Promise<number>}
 */
export async function listenOnFreePort(server, ports, host = '127.0.0.1') {
  for (const [index, port] of ports.entries()) {
    try {
      await new Promise((settle, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          settle(undefined);
        });
      });
      const address = server.address();
      return typeof address === 'object' && address ? address.port : port;
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!isTaken || index === ports.length - 1) throw error;
    }
  }
  throw new Error('no port was given');
}

/**
 * @param {string} header value of Range
 * @param {number} size bytes of the file
 * @returns {{ start: number, end: number } | 'unsatisfiable' | undefined} end is inclusive; undefined: ignore the header, as RFC 9110 §14.2 allows
 */
export function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

/**
 * @param {string} root
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer(root, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'Only GET and HEAD are answered here.');
  }
  const found = await findFile(root, request.url ?? '/');
  if (!found) return refuse(response, 404, 'There is no such file.');
  const { path, size, mtime } = found;
  const tag = `"${size.toString(16)}-${Math.floor(mtime.getTime()).toString(16)}"`;
  response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('ETag', tag);
  response.setHeader('Last-Modified', mtime.toUTCString());
  // Built assets have their content's hash in their name.
  response.setHeader('Cache-Control', /[/\\]assets[/\\]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (request.headers['if-none-match']?.split(',').some((known) => known.trim() === tag)) return void response.writeHead(304).end();

  const ifRange = request.headers['if-range'];
  const header = request.headers.range;
  const range = header && (!ifRange || ifRange === tag || ifRange === mtime.toUTCString()) ? parseRange(header, size) : undefined;
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${size}`);
    return refuse(response, 416, 'The range is not in the file.');
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`);
  response.setHeader('Content-Length', end - start + 1);
  response.writeHead(range ? 206 : 200);
  if (request.method === 'HEAD' || size === 0) return void response.end();
  // A reader that leaves early is no failure of ours.
  await pipeline(createReadStream(path, { start, end }), response).catch(() => response.destroy());
}

/** @param {string} root @param {string} url */
async function findFile(root, url) {
  const path = pathUnder(root, url);
  if (!path) return undefined;
  const entry = await stat(path).catch(() => undefined);
  if (entry?.isFile()) return { path, size: entry.size, mtime: entry.mtime };
  if (!entry?.isDirectory()) return undefined;
  const index = `${path}${sep}index.html`;
  const page = await stat(index).catch(() => undefined);
  return page?.isFile() ? { path: index, size: page.size, mtime: page.mtime } : undefined;
}

/** The file that a URL names; undefined when it is malformed or leads out of the folder. @param {string} root @param {string} url */
function pathUnder(root, url) {
  try {
    const name = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '/');
    if (name.includes('\0')) return undefined;
    const path = resolve(root, `.${name}`);
    return path === root || path.startsWith(root + sep) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {string} sentence */
function refuse(response, status, sentence) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(`${sentence}\n`);
}
