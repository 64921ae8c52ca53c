// A chat and its branches. Turns form a tree: to edit a question or to have it answered again adds a version beside the old one,
// and nothing said before is lost. One branch is in view, named by its last turn.

import type { Turn } from './turns.ts'

export interface Chat {
  readonly id: string
  /** Given by a person; empty where the first question serves as the title. */
  readonly title: string
  /** What the model is told before the first question. */
  readonly system: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly changedAt: number
  /** Each stands after its parent. */
  readonly turns: readonly Turn[]
  /** The last turn of the branch in view; null while there are none. */
  readonly shown: string | null
}

const TITLE_LENGTH = 80

export function emptyChat(id: string, now: number, system = ''): Chat {
  return { id, title: '', system, createdAt: now, changedAt: now, turns: [], shown: null }
}

/** From the first turn to the one named. */
export function branchTo(turns: readonly Turn[], last: string | null): readonly Turn[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]))
  const branch: Turn[] = []
  for (let turn = byId.get(last ?? ''); turn; turn = byId.get(turn.parent ?? '')) branch.push(turn)
  return branch.reverse()
}

export function shownTurns(chat: Chat): readonly Turn[] {
  return branchTo(chat.turns, chat.shown)
}

/** The turn itself among those that stand in its place, oldest first. */
export function versionsOf(turns: readonly Turn[], turn: Turn): readonly Turn[] {
  return turns.filter((other) => other.parent === turn.parent)
}

/** The end of the newest branch that begins with a turn. */
export function newestEnd(turns: readonly Turn[], id: string): string {
  let end = id
  for (;;) {
    const next = turns.findLast((turn) => turn.parent === end)
    if (!next) return end
    end = next.id
  }
}

/** The same chat up to a turn, as a chat of its own. */
export function branchOff(chat: Chat, turnId: string, id: string, now: number): Chat {
  const turns = branchTo(chat.turns, turnId)
  return { ...chat, id, createdAt: now, changedAt: now, turns, shown: turnId }
}

export function titleOf({ title, turns }: Pick<Chat, 'title' | 'turns'>): string {
  if (title) return title
  const [first] = turns
  const line = (first?.text || (first?.attachments?.[0]?.name ?? '')).trim().replaceAll(/\s+/g, ' ')
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH).trimEnd()}…` : line
}

/**
 * What two tabs wrote of one chat: every turn of either. Where both have a turn, `mine` counts for those named in `touched`.
 */
export function mergeChats(kept: Chat, mine: Chat, touched: ReadonlySet<string>): Chat {
  const own = new Map(mine.turns.map((turn) => [turn.id, turn]))
  const turns = kept.turns.map((turn) => (touched.has(turn.id) ? (own.get(turn.id) ?? turn) : turn))
  const known = new Set(turns.map((turn) => turn.id))
  return { ...mine, turns: [...turns, ...mine.turns.filter((turn) => !known.has(turn.id))] }
}
