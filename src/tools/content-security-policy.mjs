// What the page may load, in one place: the server sends it as a header, and index.html repeats `META_POLICY` for hosts that send no headers.
//
// Styles come from Lit's adopted style sheets and the built CSS file, so 'unsafe-inline' is not needed. Models come from any https host, or from a
// server on this machine. `frame-ancestors` has no effect in a <meta>, which is why it stands apart.

const DIRECTIVES = [
  "default-src 'self'",
  "script-src 'self'",
  "worker-src 'self' blob:",
  "connect-src 'self' blob: https: http://localhost:* http://127.0.0.1:*",
  "img-src 'self' data: blob:",
  "style-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

/** For `<meta http-equiv="Content-Security-Policy" content="…">`. */
export const META_POLICY = DIRECTIVES.join('; ');

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Headers on every answer of the server that `npm start` runs. */
export const SECURITY_HEADERS = {
  ...ISOLATION,
  'Content-Security-Policy': `${META_POLICY}; frame-ancestors 'self'`,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** The part of them that a development server can send: hot reloading needs inline styles and a web socket. */
export const DEVELOPMENT_HEADERS = ISOLATION;
