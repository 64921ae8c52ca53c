// What a node is called on this page.

import type { NodeState } from '../../worker/node/api.ts'
import { formatId } from './format.ts'
import { locale } from './language.ts'
import { uiWords } from './words/ui-words.ts'

export function nodeName(state: NodeState, id: string): string {
  if (id === state.id) return uiWords().names.thisTab
  const peer = state.peers.find((one) => one.id === id)
  return peer?.name || formatId(id)
}

/** "this tab", "this tab and Anna", "this tab, Anna and Ben". */
export function joinNames(names: readonly string[]): string {
  return new Intl.ListFormat(locale()).format(names)
}
