// What a node is called on this page.

import type { NodeState } from '../../worker/node/api.ts'
import { formatId } from './format.ts'

export function nodeName(state: NodeState, id: string): string {
  if (id === state.id) return 'this tab'
  const peer = state.peers.find((one) => one.id === id)
  return peer?.name || formatId(id)
}

/** "this tab", "this tab and Anna", "this tab, Anna and Ben". */
export function joinNames(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}
