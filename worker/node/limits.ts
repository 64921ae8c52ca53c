// The limits that a person sets on what this node computes, whether it helps others now, and how it stops: it says so at once,
// gives those whose layers it holds some time to place them elsewhere, and then gives the layers back.

import { z } from 'zod/mini'
import type { Clock, Timer } from '#core/clock.ts'
import { CentramError } from '#core/errors.ts'
import type { Records } from '../storage/records.ts'
import type { Conditions, Limits, LimitsApi, RestReason } from './limits-api.ts'

/** How long others have to take back what is held for them. */
export const HAND_OVER_MS = 15_000
const LEAST_SHARE = 0.05
const LOOK_MS = 100

export const NO_LIMITS: Limits = {
  memoryBytes: null,
  gpuShare: 1,
  onlyWhenIdle: false,
  onlyOnMains: false,
  paused: false,
}
export const NOTHING_SAID: Conditions = { idle: null, onMains: null }

const KEPT = z.strictObject({
  memoryBytes: z.nullable(z.number().check(z.gte(0))),
  gpuShare: z.number().check(z.gte(LEAST_SHARE), z.lte(1)),
  onlyWhenIdle: z.boolean(),
  onlyOnMains: z.boolean(),
  paused: z.boolean(),
})

export interface LimitsKeeper {
  readonly api: Pick<LimitsApi, 'setLimits' | 'setConditions' | 'leaveCleanly'>
  limits(): Limits
  conditions(): Conditions
  /** Why others are not helped; null while they are. */
  resting(): RestReason | null
  /** Throws `PEER_REFUSED` while others are not helped. */
  requireHelping(): void
  /** Reads what was kept. */
  start(): Promise<void>
  close(): void
}

export interface LimitsOptions {
  readonly records: Records
  readonly clock: Clock
  /** Under which this node's own records are kept. */
  readonly owner: string
  /** Whether layers are held for others. */
  isHolding(): boolean
  /** Gives back what is held for others. */
  giveBack(reason: CentramError): void
  /** Leaves the room. */
  leave(): Promise<void>
  /** Limits, conditions or what follows from them changed. */
  onChange(): void
}

export function createLimits(options: LimitsOptions): LimitsKeeper {
  const { records, clock } = options
  const key = `limits/${options.owner}`
  let limits = NO_LIMITS
  let conditions = NOTHING_SAID
  let isLeaving = false
  let givingBack: Timer | null = null

  function resting(): RestReason | null {
    if (isLeaving) return 'leaving'
    if (limits.paused) return 'paused'
    if (limits.onlyOnMains && conditions.onMains !== true) {
      return conditions.onMains === null ? 'power-unknown' : 'on-battery'
    }
    if (limits.onlyWhenIdle && conditions.idle !== true) return conditions.idle === null ? 'idle-unknown' : 'in-use'
    return null
  }

  function follow(): void {
    const reason = resting()
    if (reason === null && givingBack !== null) {
      clock.clearTimeout(givingBack)
      givingBack = null
    }
    if (reason !== null) {
      givingBack ??= clock.setTimeout(() => {
        givingBack = null
        giveBack()
      }, HAND_OVER_MS)
    }
    options.onChange()
  }

  function giveBack(): void {
    const reason = resting()
    if (reason !== null && options.isHolding()) options.giveBack(new CentramError('PEER_REFUSED', WHY[reason]))
  }

  const pause = () => new Promise<void>((resolve) => void clock.setTimeout(resolve, LOOK_MS))

  return {
    limits: () => limits,
    conditions: () => conditions,
    resting,
    requireHelping() {
      const reason = resting()
      if (reason !== null) throw new CentramError('PEER_REFUSED', WHY[reason])
    },
    async start() {
      const kept = KEPT.safeParse(await records.get('settings', key).catch(() => undefined))
      if (kept.success) limits = kept.data
      follow()
    },
    close() {
      clock.clearTimeout(givingBack ?? undefined)
    },
    api: {
      async setLimits(wanted) {
        const checked = KEPT.safeParse(wanted)
        if (!checked.success) {
          throw new CentramError(
            'BAD_ARGUMENT',
            `Give an amount of memory from 0 on, and a share of the GPU between ${LEAST_SHARE * 100} and 100 %.`,
          )
        }
        limits = checked.data
        follow()
        await records.put('settings', key, limits)
      },
      async setConditions({ idle, onMains }) {
        if (idle === conditions.idle && onMains === conditions.onMains) return
        conditions = { idle, onMains }
        follow()
      },
      async leaveCleanly() {
        isLeaving = true
        follow()
        try {
          const end = clock.now() + HAND_OVER_MS
          while (options.isHolding() && clock.now() < end) await pause()
          giveBack()
          await options.leave()
        } finally {
          isLeaving = false
          follow()
        }
      },
    },
  }
}

/** As others are told. */
const WHY: Readonly<Record<RestReason, string>> = {
  paused: 'Its person paused it, so it computes nothing for others now.',
  leaving: 'It is about to leave the room.',
  'in-use': 'It helps others only while nobody uses the device, and somebody does.',
  'idle-unknown':
    'It helps others only while nobody uses the device, and its browser does not say whether somebody does.',
  'on-battery': 'It helps others only on mains power, and runs on its battery.',
  'power-unknown': 'It helps others only on mains power, and its browser does not say whether it is.',
}
