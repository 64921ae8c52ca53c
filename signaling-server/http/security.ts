// What every answer tells a browser to forbid: code and styles that are not files of this server, text that becomes code,
// frames, windows of others, and plain HTTP once HTTPS was used.

/**
 * Engines that are not ours are workers of their own with this in their name: they compile WebAssembly and start threads from code
 * that they carry along, which the page and the node themselves never may.
 */
const ENGINE = /^\/assets\/engine-[\w.-]+\.js$/

// Models, meeting points and ICE servers have any address a person names, hence the open connect-src: a page without one asks
// its own server only. `data:` and `blob:` are images and downloads that the page itself makes. Policies of Trusted Types:
// the page's own (web/node/trusted-types.ts), and those of the libraries that make DOM.
const PAGE_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'worker-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data: blob:",
  'connect-src': "'self' blob: data: http: https: ws: wss:",
  'manifest-src': "'self'",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': 'default lit-html dompurify',
}

const { 'require-trusted-types-for': _required, 'trusted-types': _policies, ...WITHOUT_TYPES } = PAGE_POLICY
const ENGINE_POLICY = {
  ...WITHOUT_TYPES,
  'script-src': "'self' 'wasm-unsafe-eval' blob:",
  'worker-src': "'self' blob:",
}

const written = (policy: Readonly<Record<string, string>>) =>
  Object.entries(policy)
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ')

/** The policy of a file of the web app, by its path. A worker lives by the one that its own script came with. */
export function contentSecurityPolicy(path: string): string {
  return written(ENGINE.test(path) ? ENGINE_POLICY : PAGE_POLICY)
}

/** Of answers that are no page: nothing in them may run or load anything, wherever they are opened. */
export const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

/** Of every answer. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

/** Of every file of the web app: no other site's window, frame or file shares its process. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(self), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=()',
}

/** A year, for names that are this server's own. Browsers heed it only where they trust the certificate. */
export const HSTS = 'max-age=31536000'
