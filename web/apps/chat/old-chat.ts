// A conversation as the first version kept it: a list of turns without branches.

import type { Chat } from './chat-tree.ts'
import type { Turn } from './turns.ts'

export type OldTurn = Omit<Turn, 'parent'>

export function chatOfTurns(id: string, turns: readonly OldTurn[], now: number): Chat | null {
  const shown = turns.at(-1)?.id
  if (shown === undefined) return null
  const linked = turns.map((turn, index) => ({ ...turn, parent: turns[index - 1]?.id ?? null }))
  return { id, title: '', system: '', createdAt: now, changedAt: now, turns: linked, shown }
}
