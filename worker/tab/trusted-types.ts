// The worker's policy of Trusted Types, as the page's: a worker that it starts is a file of the page's own server. Imported
// before all others.

interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown
}

const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory }

// Of that name it holds for `new Worker` wherever it is called.
trustedTypes?.createPolicy('default', {
  createScriptURL(url) {
    if (new URL(url, location.href).origin === location.origin) return url
    throw new TypeError(`A script of another server was refused: ${url}`)
  },
})
