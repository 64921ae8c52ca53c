// How fast a tab signs and verifies, in a worker of its own as in the product, and which part of an answer's time that takes.

import { z } from 'zod'
import { CentramError } from '#core/errors.ts'
import { launchBrowser } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'
import type { ModelFigures } from './model-bench.ts'
import { spreadOf, type Spread } from './spread.ts'

export interface SignatureFigures {
  /** What holds the key: `webcrypto` or `seed`. */
  readonly kind: string
  /** Of the frame that was signed. */
  readonly bytes: number
  readonly signaturesPerSecond: Spread
  readonly verificationsPerSecond: Spread
  /** With 64 in flight. */
  readonly verificationsTogetherPerSecond: Spread
}

/** Of a token of a split answer: each hop is signed once and verified once, one after the other. */
export interface SignatureShare {
  readonly model: string
  readonly tabs: number
  readonly share: Spread
}

export interface SignatureBenchOptions {
  /** The server's page. */
  readonly url: string
  readonly repeats: number
  readonly watchdog: Watchdog
}

/** A frame with the hidden state of one position of the toy. */
const FRAME_BYTES = 800
const MEASURE_MS = 1000

const answerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('rates'),
    kind: z.string(),
    signatures: z.number(),
    verifications: z.number(),
    verificationsTogether: z.number(),
  }),
  z.object({ type: z.literal('failed'), message: z.string() }),
])

export async function benchSignatures({ url, repeats, watchdog }: SignatureBenchOptions): Promise<SignatureFigures> {
  const browser = await launchBrowser(false)
  try {
    const page = await browser.newPage()
    await page.goto(new URL('bench/', url).href, { waitUntil: 'load' })
    const request = JSON.stringify({ bytes: FRAME_BYTES, milliseconds: MEASURE_MS })
    const measured: Extract<z.infer<typeof answerSchema>, { type: 'rates' }>[] = []
    for (let repeat = 1; repeat <= repeats; repeat++) {
      const said: unknown = await watchdog.guard('the signatures', page.evaluate(`centramSign(${request})`))
      const answer = answerSchema.parse(said)
      if (answer.type === 'failed') {
        throw new CentramError('INTERNAL', `The signature benchmark failed: ${answer.message}`)
      }
      measured.push(answer)
      watchdog.progress(`signatures were timed ${repeat} times`)
    }
    return {
      kind: measured[0]?.kind ?? '',
      bytes: FRAME_BYTES,
      signaturesPerSecond: spreadOf(measured.map(({ signatures }) => signatures)),
      verificationsPerSecond: spreadOf(measured.map(({ verifications }) => verifications)),
      verificationsTogetherPerSecond: spreadOf(measured.map(({ verificationsTogether }) => verificationsTogether)),
    }
  } finally {
    await browser.close()
  }
}

export function shareOfAnswers(figures: SignatureFigures, models: readonly ModelFigures[]): readonly SignatureShare[] {
  const { signaturesPerSecond, verificationsPerSecond } = figures
  const hopMs = 1000 / signaturesPerSecond.median + 1000 / verificationsPerSecond.median
  return models.flatMap(({ model, tabs, wire, msPerToken }) => {
    if (!wire) return []
    const share = (ms: number) => (wire.hopsPerToken * hopMs) / ms
    const { median, least, most, repeats } = msPerToken
    return [{ model, tabs, share: { median: share(median), least: share(most), most: share(least), repeats } }]
  })
}
