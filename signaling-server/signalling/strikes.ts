// Addresses whose connections were thrown out again and again: kept out for a while, before anything is computed for them.

import type { SignallingLimits } from './limits.ts'

export interface Strikes {
  /** A connection of that address was thrown out. */
  count(address: string): void
  /** Milliseconds that the address is still kept out; 0 where it may come. */
  wait(address: string): number
}

/** So many addresses are remembered; whoever has more forgets the oldest. */
const MAX_ADDRESSES = 10_000

export function createStrikes(
  limits: Pick<SignallingLimits, 'maxStrikes' | 'strikeMs' | 'banMs' | 'maxBanMs'>,
  now: () => number,
): Strikes {
  const known = new Map<string, { strikes: number; last: number; bans: number; until: number }>()
  return {
    count(address) {
      const time = now()
      const before = known.get(address)
      const entry =
        before && time - Math.max(before.last, before.until) <= limits.strikeMs
          ? before
          : { strikes: 0, last: time, bans: 0, until: 0 }
      entry.strikes++
      entry.last = time
      if (entry.strikes >= limits.maxStrikes) {
        entry.until = time + Math.min(limits.maxBanMs, limits.banMs * 2 ** entry.bans++)
        entry.strikes = 0
      }
      known.delete(address)
      known.set(address, entry)
      if (known.size > MAX_ADDRESSES) known.delete(known.keys().next().value as string)
    },
    wait: (address) => Math.max(0, (known.get(address)?.until ?? 0) - now()),
  }
}
