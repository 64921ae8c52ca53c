// What answers cost: what this node asks, what it pays at most, and what somebody else may still come to owe it. Nothing, until
// a person sets a price.

import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { AnswerPrices } from './ledger-api.ts'
import type { Surroundings } from './surroundings.ts'

type Usage = BodyOf<'INFER_DONE'>['usage']
type Price = BodyOf<'INFER_OFFER'>['price']

export interface Prices {
  start(): Promise<void>
  get(): AnswerPrices
  set(prices: AnswerPrices): Promise<void>
}

export const FREE: AnswerPrices = { prompt: 0, answer: 0, merge: 0, cap: 0 }
/** Of 1,000 tokens; far beyond it a sum of them would not be exact. */
const MAX_PRICE = 1_000_000_000

/** Whole CEN for what was used, rounded down. */
export function priceOf({ prompt, answer }: Price, { promptTokens, tokens }: Usage): number {
  return Number((BigInt(prompt) * BigInt(promptTokens) + BigInt(answer) * BigInt(tokens)) / 1000n)
}

/** Throws `PAYMENT_REFUSED` where what is asked for could cost more than the asker pays or may come to owe. */
export function requirePayable(most: number, cap: number, credit: number): void {
  if (most > cap) {
    throw new CentramError(
      'PAYMENT_REFUSED',
      `This may cost ${most} CEN, and you pay at most ${cap}. Ask for less, or raise what you pay.`,
    )
  }
  if (most > credit) {
    throw new CentramError(
      'PAYMENT_REFUSED',
      `This may cost ${most} CEN, and the node lends you ${credit} more. Pay something back first, or ask for credit.`,
    )
  }
}

export function createPrices({ records }: Pick<Surroundings, 'records'>, owner: string, onChange: () => void): Prices {
  const key = `prices/${owner}`
  let prices = FREE
  return {
    async start() {
      const kept = await records.get('settings', key)
      if (isPrices(kept)) prices = kept
    },
    get: () => prices,
    async set(wanted) {
      if (!isPrices(wanted)) {
        throw new CentramError('BAD_ARGUMENT', 'A price is a whole number of CEN, from 0 to a thousand million.')
      }
      const { prompt, answer, merge, cap } = wanted
      prices = { prompt, answer, merge, cap }
      await records.put('settings', key, prices)
      onChange()
    },
  }
}

function isPrices(value: unknown): value is AnswerPrices {
  if (typeof value !== 'object' || value === null) return false
  const { prompt, answer, merge, cap } = value as Record<string, unknown>
  return [prompt, answer, merge, cap].every(
    (each) => Number.isSafeInteger(each) && Number(each) >= 0 && Number(each) <= MAX_PRICE,
  )
}
