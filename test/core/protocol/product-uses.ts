// Which messages the product sends and handles today, read off its sources: what names a message in a call that sends, or
// where messages are told apart. Whoever adds a handler need not keep a list.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../../', import.meta.url)
const ROOMS = ['worker/', 'signaling-server/', 'web/']
/** The protocol itself: it declares messages but neither sends nor handles them. */
const DECLARATIONS = 'worker/core/protocol/'

/** `handle('X'`, `case 'X':`, `message.name === 'X'` */
const HANDLED = [/\bhandle\(\s*'([A-Z_]+)'/g, /\bcase '([A-Z_]+)':/g, /\.name [!=]== '([A-Z_]+)'/g]
/** `send('X'`, `port.send(peer, 'X'`, `prepareMessage('X'` */
const SENT = [/\b\w*[sS]end\w*\([^()']*'([A-Z_]+)'/g, /\bprepareMessage\(\s*'([A-Z_]+)'/g]

export interface ProductUses {
  readonly sent: ReadonlySet<string>
  readonly handled: ReadonlySet<string>
}

export function readProductUses(): ProductUses {
  const sources = ROOMS.flatMap((room) =>
    readdirSync(new URL(room, ROOT), { recursive: true, encoding: 'utf8' })
      .map((path) => `${room}${path}`)
      .filter((path) => path.endsWith('.ts') && !path.startsWith(DECLARATIONS) && !path.includes('node_modules')),
  ).map((path) => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8'))
  const names = (patterns: readonly RegExp[]) =>
    new Set(
      sources.flatMap((source) =>
        patterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, name]) => name as string)),
      ),
    )
  return { sent: names(SENT), handled: names(HANDLED) }
}
