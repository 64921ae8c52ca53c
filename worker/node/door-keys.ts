// The API keys of a door: made here and shown once, kept as hashes, each with what it may use in a minute and in a day. What was
// used is kept too, so that a reload forgives nothing.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { MAX_KEYS } from '#core/door/messages.ts'
import { CentramError } from '#core/errors.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import { doorKeysPlace } from './door-parts.ts'
import type { DoorKeySettings, DoorKeyState } from './door-api.ts'
import type { Surroundings } from './surroundings.ts'

export interface DoorKey {
  readonly id: string
  /** Throws `RATE_LIMITED` where the minute or the day is used up. */
  require(): void
  /** Counts tokens; false once the day's are used up. */
  charge(tokens: number): boolean
}

export interface DoorKeys {
  start(): Promise<void>
  make(settings: DoorKeySettings): Promise<string>
  remove(keyId: string): Promise<void>
  list(): readonly DoorKeyState[]
  hashes(): readonly Uint8Array[]
  /** Undefined for a key that is not of this door, or no longer. */
  find(hash: Uint8Array): DoorKey | undefined
  /** Keeps what was used. */
  save(): Promise<void>
}

interface Kept extends DoorKeySettings {
  readonly hash: Uint8Array
  readonly createdAt: number
  /** Days since 1970, and the tokens used on that one. */
  day: number
  used: number
}

const SECRET_BYTES = 24
const DAY_MS = 86_400_000
const MOST_A_MINUTE = 6000
/** Requests that may come at once after a silence. */
const BURST_SHARE = 0.5

export function createDoorKeys(
  { records, random, wallTime, clock }: Pick<Surroundings, 'records' | 'random' | 'wallTime' | 'clock'>,
  owner: string,
): DoorKeys {
  const place = doorKeysPlace(owner)
  let kept: Kept[] = []
  const buckets = new Map<Kept, TokenBucket>()

  const save = () => records.put('settings', place, kept)
  const today = () => Math.floor(wallTime() / DAY_MS)

  function usedToday(key: Kept): number {
    if (key.day !== today()) [key.day, key.used] = [today(), 0]
    return key.used
  }

  function bucketOf(key: Kept): TokenBucket {
    const { requestsPerMinute } = key
    const rate = { perSecond: requestsPerMinute / 60, burst: Math.max(1, requestsPerMinute * BURST_SHARE) }
    const bucket = buckets.get(key) ?? createTokenBucket(rate, clock.now())
    buckets.set(key, bucket)
    return bucket
  }

  return {
    async start() {
      const found = await records.get('settings', place)
      if (Array.isArray(found)) kept = found.filter(isKept)
    },
    async make(settings) {
      const checked = checkSettings(settings)
      if (kept.length >= MAX_KEYS) {
        throw new CentramError('BAD_ARGUMENT', `A door has ${MAX_KEYS} keys at most. Remove one that is not used.`)
      }
      const key = `ck-${toHex(random(SECRET_BYTES))}`
      kept.push({ ...checked, hash: sha256(utf8(key)), createdAt: wallTime(), day: today(), used: 0 })
      await save()
      return key
    },
    async remove(keyId) {
      kept = kept.filter((key) => idOf(key) !== keyId)
      await save()
    },
    list: () =>
      kept.map((key) => {
        const { name, requestsPerMinute, tokensPerDay, createdAt } = key
        return { id: idOf(key), name, requestsPerMinute, tokensPerDay, createdAt, tokensToday: usedToday(key) }
      }),
    hashes: () => kept.map(({ hash }) => hash),
    find(hash) {
      const key = kept.find((other) => toHex(other.hash) === toHex(hash))
      if (!key) return undefined
      const most = key.tokensPerDay ?? Infinity
      return {
        id: idOf(key),
        require() {
          if (usedToday(key) >= most) {
            const used = `${key.used} of ${most} tokens are used`
            throw new CentramError(
              'RATE_LIMITED',
              `The quota of this API key is used up: ${used}. It is renewed at midnight UTC.`,
            )
          }
          const bucket = bucketOf(key)
          if (bucket.take(clock.now())) return
          const seconds = Math.ceil(bucket.wait(clock.now()) / 1000)
          throw new CentramError(
            'RATE_LIMITED',
            `This API key may ask ${key.requestsPerMinute} times a minute. Ask again in ${seconds} s.`,
          )
        },
        charge(tokens) {
          key.used = usedToday(key) + tokens
          return key.used < most
        },
      }
    },
    save,
  }
}

const idOf = ({ hash }: Kept) => toHex(hash.subarray(0, 16))

function checkSettings({ name, requestsPerMinute, tokensPerDay }: DoorKeySettings): DoorKeySettings {
  const isRate = Number.isInteger(requestsPerMinute) && requestsPerMinute >= 1 && requestsPerMinute <= MOST_A_MINUTE
  const isQuota = tokensPerDay === null || (Number.isSafeInteger(tokensPerDay) && tokensPerDay >= 1)
  const short = name.trim().slice(0, 60)
  if (isRate && isQuota && short !== '') return { name: short, requestsPerMinute, tokensPerDay }
  throw new CentramError(
    'BAD_ARGUMENT',
    `Give the key a name, 1 to ${MOST_A_MINUTE} requests a minute, and at least one token a day.`,
  )
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false
  const { name, hash, requestsPerMinute, tokensPerDay, createdAt, day, used } = value as Partial<Kept>
  const figures = [requestsPerMinute, createdAt, day, used]
  return (
    typeof name === 'string' &&
    hash instanceof Uint8Array &&
    hash.length === 32 &&
    figures.every((figure) => typeof figure === 'number') &&
    (tokensPerDay === null || typeof tokensPerDay === 'number')
  )
}
