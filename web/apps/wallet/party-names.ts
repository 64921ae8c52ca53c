// What the wallet calls other nodes. Who is away keeps the name that it was last seen with: an account with "Anna’s laptop" is
// one with her also on a day that she is not there.

import type { NodeState } from '../../../worker/node/api.ts'
import { formatId } from '../../ui/format.ts'
import { nodeName } from '../../ui/node-names.ts'

const KEPT = 'centram.party-names'
const MAX_KEPT = 256

let names: Map<string, string> | null = null

export function partyName(state: NodeState, id: string): string {
  const isHere = id === state.id || state.peers.some((peer) => peer.id === id && peer.name !== '')
  return isHere ? nodeName(state, id) : (read().get(id) ?? formatId(id))
}

/** Keeps the names of those who are here and with whom there are accounts. */
export function rememberNames({ peers, ledger }: NodeState): void {
  const known = read()
  const accounts = new Set(ledger.lines.map(({ peer }) => peer))
  const fresh = peers.filter(({ id, name }) => name !== '' && accounts.has(id) && known.get(id) !== name)
  if (fresh.length === 0) return
  for (const { id, name } of fresh) {
    known.delete(id)
    known.set(id, name)
  }
  names = new Map([...known].slice(-MAX_KEPT))
  try {
    localStorage.setItem(KEPT, JSON.stringify([...names]))
  } catch {
    // Storage is blocked: the names last as long as the page.
  }
}

function read(): Map<string, string> {
  names ??= kept()
  return names
}

function kept(): Map<string, string> {
  try {
    const pairs: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '[]')
    const isPair = (pair: unknown): pair is [string, string] =>
      Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string')
    return new Map(Array.isArray(pairs) ? pairs.filter(isPair) : [])
  } catch {
    return new Map()
  }
}
