// Who is in the room, from all who tell of it: each way in, and the records that nodes of the room signed. Links do not
// depend on it; it says whom to link with.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { RoomMember } from './introducer.ts'

/** The source whose members other nodes of the room vouch for. */
export const RECORDS = 'records'
/** Starts of one node that are told apart. */
const MAX_INCARNATIONS = 16

export interface Member extends RoomMember {
  /** Public key, hex. */
  readonly id: string
  /** Told of by a way in, and not only by other nodes. */
  readonly introduced: boolean
}

export interface Membership {
  /** Replaces all that `source` said. */
  tell(source: string, members: readonly RoomMember[]): void
  /** A node said goodbye: no word of it counts until it is told of again. */
  left(id: string): void
  /** Forgets all that other sources said. */
  keep(wanted: (source: string) => boolean): void
  clear(): void
  get(id: string): Member | undefined
  all(): ReadonlyMap<string, Member>
  /** Whether `source` tells of it. */
  tells(source: string, id: string): boolean
  /** Whether a way in that told of it now says otherwise. */
  gone(id: string): boolean
}

export function createMembership(selfKey: Uint8Array, onChange: () => void): Membership {
  const sources = new Map<string, ReadonlyMap<string, RoomMember>>()
  /** Incarnations by node, the latest last: one that was known before never counts as a new start. */
  const starts = new Map<string, Uint8Array[]>()
  const gone = new Set<string>()
  let merged: ReadonlyMap<string, Member> = new Map()

  const noteStart = (id: string, incarnation: Uint8Array) => {
    const known = starts.get(id) ?? []
    if (known.some((one) => equalBytes(one, incarnation))) return
    starts.set(id, [...known, incarnation].slice(-MAX_INCARNATIONS))
  }
  const merge = () => {
    const next = new Map<string, Member>()
    // What a node signed about itself comes last, for the name.
    const ordered = [...sources].sort(([a], [b]) => Number(a === RECORDS) - Number(b === RECORDS))
    for (const [source, members] of ordered) {
      for (const [id, { key, name }] of members) {
        const before = next.get(id)
        next.set(id, {
          id,
          key,
          name: name === '' ? (before?.name ?? '') : name,
          incarnation: starts.get(id)?.at(-1) as Uint8Array,
          introduced: before?.introduced ?? source !== RECORDS,
        })
      }
    }
    merged = next
    onChange()
  }

  return {
    tell(source, members) {
      const before = sources.get(source)
      const now = new Map<string, RoomMember>()
      for (const member of members) {
        if (equalBytes(member.key, selfKey)) continue
        const id = toHex(member.key)
        now.set(id, member)
        noteStart(id, member.incarnation)
        if (source !== RECORDS) gone.delete(id)
      }
      if (source !== RECORDS) for (const id of before?.keys() ?? []) if (!now.has(id)) gone.add(id)
      sources.set(source, now)
      merge()
    },
    left(id) {
      let known = false
      for (const [source, members] of sources) {
        if (!members.has(id)) continue
        known = true
        sources.set(source, new Map([...members].filter(([other]) => other !== id)))
      }
      if (known) merge()
    },
    keep(wanted) {
      let changed = false
      for (const source of sources.keys()) if (!wanted(source)) changed = sources.delete(source) || changed
      if (changed) merge()
    },
    clear() {
      sources.clear()
      starts.clear()
      gone.clear()
      merge()
    },
    get: (id) => merged.get(id),
    all: () => merged,
    tells: (source, id) => sources.get(source)?.has(id) ?? false,
    gone: (id) => gone.has(id),
  }
}
