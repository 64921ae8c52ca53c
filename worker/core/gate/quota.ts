// How much one name (a key, a network) has sent within the window that runs: a pure state machine over plain records.

import type { Quota } from '#core/gate/rules.ts'

/** By name. */
export type Spendings = ReadonlyMap<string, Spent>

export interface Spent {
  /** When the window began, in milliseconds since 1970. */
  readonly since: number
  readonly genomes: number
  readonly bytes: number
}

export interface QuotaRecord {
  /** By key in hex: the first that an identity went by here. */
  readonly keys: Spendings
  readonly addresses: Spendings
}

/** Names remembered. The one that was silent longest is forgotten first. */
const MAX_NAMES = 4096

/** Whether one more genome of `bytes` is within the quota. */
export function isWithin(
  spendings: Spendings,
  name: string,
  bytes: number,
  quota: Quota,
  now: number,
  windowMs: number,
): boolean {
  const spent = spentBy(spendings, name, now, windowMs)
  return spent.genomes + 1 <= quota.genomes && spent.bytes + bytes <= quota.bytes
}

/** With one more genome of `bytes`. */
export function charge(spendings: Spendings, name: string, bytes: number, now: number, windowMs: number): Spendings {
  const spent = spentBy(spendings, name, now, windowMs)
  const next = new Map(spendings)
  next.delete(name)
  next.set(name, { since: spent.since, genomes: spent.genomes + 1, bytes: spent.bytes + bytes })
  if (next.size > MAX_NAMES) next.delete(next.keys().next().value as string)
  return next
}

function spentBy(spendings: Spendings, name: string, now: number, windowMs: number): Spent {
  const spent = spendings.get(name)
  // A clock that was set back begins a window too: it must not hold a quota shut for years.
  const runs = spent !== undefined && now >= spent.since && now < spent.since + windowMs
  return runs ? spent : { since: now, genomes: 0, bytes: 0 }
}
