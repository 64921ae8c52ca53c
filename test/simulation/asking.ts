// Questions put to nodes, and whether each is answered rightly: token by token as an undisturbed node would, or ended with a
// code that says why; and never left hanging.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import type { NodeApi } from '../../worker/node/api.ts'
import type { Oracle } from './arithmetic.ts'
import type { SimulatedProcess } from './process.ts'
import { ALPHABET } from './shared-model.ts'
import type { Dice } from './random.ts'
import type { Schedule } from './schedule.ts'

export interface Asking {
  /** Asks a new question and, if `stops`, loses interest in the middle. */
  ask(node: AskedNode, options: { readonly stops: boolean }): Question
  readonly open: readonly Question[]
  readonly counts: {
    asked: number
    right: number
    stopped: number
    abandoned: number
    readonly ended: Map<string, number>
  }
  /** Complains about every question older than `limit` milliseconds. */
  check(limit: number): void
}

export interface AskedNode {
  readonly process: SimulatedProcess
  readonly api: NodeApi
  readonly modelId: string
}

export interface Question {
  readonly id: string
  readonly node: string
  readonly askedAt: number
  state: 'open' | 'right' | 'stopped' | 'ended' | 'abandoned'
}

export interface AskingOptions {
  readonly schedule: Schedule
  readonly dice: Dice
  readonly oracle: Oracle
  readonly tokenizer: Tokenizer
  /** Bits are compared: every prompt is another one, and caches start empty. */
  readonly exact: boolean
  violate(what: string): void
}

const DAMAGED: ReadonlySet<string> = new Set(['FORMAT_INVALID', 'FORMAT_TRUNCATED', 'SOURCE_CORRUPT', 'MODEL_MISMATCH'])

export function createAsking(options: AskingOptions): Asking {
  const { schedule, dice, oracle, tokenizer, exact, violate } = options
  const open = new Set<Question>()
  /** What was said in each process so far, for prompts that go on from it. */
  const chats = new Map<string, string>()
  const counts: Asking['counts'] = { asked: 0, right: 0, stopped: 0, abandoned: 0, ended: new Map() }

  const letters = (length: number) => Array.from({ length }, () => dice.pick(Array.from(ALPHABET))).join('')

  function promptFor(process: string): string {
    const before = chats.get(process) ?? ''
    if (exact || before.length > 240 || dice.chance(0.3)) return letters(dice.whole(1, dice.chance(0.1) ? 200 : 40))
    return before + letters(dice.whole(1, 20))
  }

  function ask({ process, api, modelId }: AskedNode, { stops }: { readonly stops: boolean }): Question {
    const prompt = promptFor(process.name)
    const maxTokens = dice.whole(1, 24)
    const sampling = dice.chance(0.5) ? {} : { temperature: 0.8, topK: 8, seed: dice.whole(0, 1e6) }
    const promptTokens = tokenizer.encode(prompt)
    const expected = oracle.answer(promptTokens, maxTokens, sampling, tokenizer.endTokens)
    const question: Question = {
      id: `q${++counts.asked}`,
      node: process.name,
      askedAt: schedule.now(),
      state: 'open',
    }
    const label = `${question.id} of ${question.node}`
    const end = (state: Question['state']): void => {
      question.state = state
      open.delete(question)
      forget()
      schedule.note(`${label} ${state}`)
    }
    const forget = process.onKill(() => {
      counts.abandoned++
      end('abandoned')
    })
    open.add(question)
    let seen = 0
    const stopAt = stops ? dice.whole(0, maxTokens) : Number.POSITIVE_INFINITY
    const stopNow = () => void api.stop(question.id)
    if (stopAt === 0) process.after(dice.between(0, 50), 'loses interest', stopNow)
    schedule.note(`${label} asked ${promptTokens.length} + ${maxTokens}`)
    api
      .generate(
        {
          requestId: question.id,
          modelId,
          prompt: { text: prompt },
          maxTokens,
          sampling,
          ...(exact && { logits: 'digest' }),
        },
        (event) => {
          if (event.type !== 'token' || question.state !== 'open') return
          if (event.token !== expected[seen]) {
            violate(`${label}: token ${seen} is ${event.token} and must be ${expected[seen] ?? 'none'}`)
          }
          seen++
          if (seen === stopAt) stopNow()
        },
      )
      .then(
        (result) => {
          if (question.state !== 'open') return
          const whole = result.finish !== 'cancelled'
          const wanted = whole ? expected : expected.slice(0, result.tokens.length)
          if (result.tokens.join() !== wanted.join()) {
            violate(`${label}: answered ${result.tokens.join()} where ${wanted.join()} is right (${result.finish})`)
          }
          if (!whole && !stops) violate(`${label}: cancelled though nobody stopped it`)
          if (whole) {
            counts.right++
            chats.set(process.name, prompt + result.text.replace(/[^a-z]/g, ''))
          } else counts.stopped++
          end(whole ? 'right' : 'stopped')
        },
        (error: unknown) => {
          if (question.state !== 'open') return
          const code = errorCode(error)
          if (!(error instanceof CentramError) || code === 'INTERNAL') {
            violate(`${label}: ended with ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
          }
          // The origin's file never changes, so only what was stored of it can be wrong.
          if (DAMAGED.has(code)) violate(`${label}: ended with ${code} ${errorMessage(error)}`)
          counts.ended.set(code, (counts.ended.get(code) ?? 0) + 1)
          schedule.note(`${label} ended ${code} ${errorMessage(error)}`)
          end('ended')
        },
      )
    return question
  }

  return {
    ask,
    counts,
    get open() {
      return [...open]
    },
    check(limit) {
      for (const { id, node, askedAt } of open) {
        const age = schedule.now() - askedAt
        if (age > limit) violate(`${id} of ${node} hangs: no answer and no end for ${Math.round(age / 1000)} s`)
      }
    },
  }
}
