// What is remembered of each author: which of its news came already, in whatever order they came, and how often it speaks.

import { createReplayWindow, type ReplayWindow } from '../protocol/replay-window.ts'
import { createTokenBucket, type Rate, type TokenBucket } from '../protocol/rates.ts'

const MAX_AUTHORS = 1024

export interface Authors {
  /** `seen`: came before, or is older than what is remembered. */
  check(author: string, sequence: number): 'new' | 'seen'
  /** Counts one piece that was verified; false when the author speaks too often, and it counts for nothing then. */
  accept(author: string, sequence: number, now: number): boolean
}

export function createAuthors(rate: Rate): Authors {
  const authors = new Map<string, { readonly window: ReplayWindow; readonly bucket: TokenBucket }>()
  return {
    check: (author, sequence) => ((authors.get(author)?.window.check(sequence) ?? 'new') === 'new' ? 'new' : 'seen'),
    accept(author, sequence, now) {
      const entry = authors.get(author) ?? { window: createReplayWindow(), bucket: createTokenBucket(rate, now) }
      // Who spoke last is forgotten last.
      authors.delete(author)
      authors.set(author, entry)
      if (authors.size > MAX_AUTHORS) authors.delete(authors.keys().next().value as string)
      if (!entry.bucket.take(now)) return false
      entry.window.accept(sequence)
      return true
    },
  }
}
