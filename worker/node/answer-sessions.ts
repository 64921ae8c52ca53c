// The KV caches that answers run on: one for each answer under way, kept afterwards for the next turn of the same conversation.
// Where all are taken, the one unused for longest is begun anew.

import { errorCode } from '#core/errors.ts'
import { createLastingSession, type LastingSession } from '../hyperlink/lasting-session.ts'
import type { PipelineSession } from '../hyperlink/pipeline-session.ts'

export interface TakenSession {
  readonly session: LastingSession
  release(): void
}

export interface AnswerSessions {
  /** At once, as far as is known: fewer than wished where memory was missing for one more. */
  most(): number
  /** The asker's own that has most of the prompt in its cache, or one to begin anew; waits while all are in use. */
  take(asker: string, prompt: readonly number[]): Promise<TakenSession>
  /** What was computed no longer holds. */
  forget(): void
}

interface Slot {
  readonly place: number
  asker: string
  session: LastingSession
  inUse: boolean
  usedAt: number
}

/** A conversation goes on where so much of a cache is of use to it; one that shares less is another. */
const SAME_CONVERSATION = 0.5
const NO_MEMORY: ReadonlySet<string> = new Set(['GPU_OUT_OF_MEMORY', 'NO_CAPACITY'])

/** `open` gives the pipeline's session at a place, opened at its first use. */
export function createAnswerSessions(
  wished: () => number,
  open: (place: number) => Promise<PipelineSession>,
): AnswerSessions {
  const slots: Slot[] = []
  const waiting: (() => void)[] = []
  let allowed = Infinity
  let uses = 0
  let places = 0

  const most = () => Math.max(1, Math.min(allowed, wished()))
  const lasting = (place: number) => createLastingSession(() => open(place))

  function addSlot(asker: string): Slot {
    const place = places++
    const slot = { place, asker, session: lasting(place), inUse: false, usedAt: 0 }
    slots.push(slot)
    return slot
  }

  function renew(slot: Slot | undefined, asker: string): Slot | undefined {
    if (!slot) return undefined
    // Another asker must not learn from the time it takes what was asked before.
    if (slot.asker !== asker) slot.session = lasting(slot.place)
    slot.asker = asker
    return slot
  }

  function choose(asker: string, prompt: readonly number[]): Slot | undefined {
    const free = slots.filter(({ inUse }) => !inUse).sort((a, b) => a.usedAt - b.usedAt)
    const kept = free
      .filter((slot) => slot.asker === asker)
      .map((slot) => ({ slot, ...slot.session.shares(prompt) }))
      .filter(({ shared, held }) => shared > 0 && shared >= held * SAME_CONVERSATION)
      .sort((a, b) => b.shared - a.shared)
    const [best] = kept
    return best?.slot ?? (slots.length < most() ? addSlot(asker) : renew(free[0], asker))
  }

  function release(slot: Slot): void {
    slot.inUse = false
    slot.usedAt = ++uses
    waiting.shift()?.()
  }

  return {
    most,
    async take(asker, prompt) {
      for (;;) {
        const slot = choose(asker, prompt)
        if (!slot) {
          await new Promise<void>((resolve) => waiting.push(resolve))
          continue
        }
        slot.inUse = true
        try {
          await open(slot.place)
          return { session: slot.session, release: () => release(slot) }
        } catch (error) {
          release(slot)
          if (slots.length === 1 || !NO_MEMORY.has(errorCode(error))) throw error
          slots.splice(slots.indexOf(slot), 1)
          allowed = slots.length
        }
      }
    },
    forget() {
      for (const slot of slots) slot.session = lasting(slot.place)
    },
  }
}
