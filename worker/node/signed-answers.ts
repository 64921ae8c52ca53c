// Answers with their receipts: when one is given, the nodes that computed layers of it sign its transcript and what it used.

import { fromHex } from '#core/crypto/bytes.ts'
import { answerTranscript } from '#core/protocol/answer-transcript.ts'
import type { Answers } from './answers.ts'
import type { GenerateRequest, GenerateResult } from './api.ts'
import { questionOf } from './question.ts'
import type { AccountedAnswer, UsageReceipts } from './usage-receipts.ts'

export interface SignedAnswer extends GenerateResult {
  /** Absent where nothing was answered. */
  readonly account?: AccountedAnswer
  readonly receipts?: Awaited<ReturnType<UsageReceipts['collect']>>
}

export interface SignedAnswers extends Pick<Answers, 'stop'> {
  generate(...asked: Parameters<Answers['generate']>): Promise<SignedAnswer>
}

export interface SignedAnswersOptions {
  readonly self: string
  readonly receipts: UsageReceipts
  random(length: number): Uint8Array
  fingerprintOf(modelId: string): string | undefined
  /** Ids of the genomes that the model answers with, 32 bytes each. */
  genomesOf(modelId: string): readonly Uint8Array[]
}

export function createSignedAnswers(answers: Answers, options: SignedAnswersOptions): SignedAnswers {
  const { self, receipts } = options

  async function sign(request: GenerateRequest, result: GenerateResult): Promise<SignedAnswer> {
    const fingerprint = options.fingerprintOf(request.modelId)
    const model = fromHex(fingerprint ?? '')
    if (fingerprint === undefined || model === null || result.tokens.length === 0) return result
    const transcript = answerTranscript(questionOf(fingerprint, request), result.tokens)
    const { promptTokens, keptTokens = 0 } = result
    const tokens = result.tokens.length - (request.continueFrom?.tokens.length ?? 0)
    const account: AccountedAnswer = {
      request: options.random(16),
      model,
      genomes: options.genomesOf(request.modelId),
      usage: { promptTokens: promptTokens - keptTokens, tokens },
      transcript,
      price: 0,
    }
    const nodes = [...new Set(result.stages.map(({ nodeId }) => nodeId))].filter((node) => node !== self)
    const collected = await receipts.collect(account, nodes)
    const signedBy = await receipts.verify(collected, fromHex(self) ?? new Uint8Array(0), transcript)
    return { ...result, signedBy, account, receipts: collected }
  }

  return {
    stop: answers.stop,
    async generate(request, hooks, asker) {
      return sign(request, await answers.generate(request, hooks, asker))
    },
  }
}
