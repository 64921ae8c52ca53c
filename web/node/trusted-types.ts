// The page's policy of Trusted Types: scripts and workers are files of this page's own server, and no text becomes HTML or code.
// Imported before all others, for what they do at once.

import { config } from 'zod/v4/core'

interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown
}

const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory }

// The name `default` makes it hold for `new Worker` and `register` wherever they are called. Browsers without Trusted Types
// are left with the Content-Security-Policy.
trustedTypes?.createPolicy('default', {
  createScriptURL(url) {
    if (new URL(url, location.href).origin === location.origin) return url
    throw new TypeError(`A script of another server was refused: ${url}`)
  },
})

// Otherwise zod tries whether it may compile its checks, which the policy refuses and the browser reports.
config({ jitless: true })
