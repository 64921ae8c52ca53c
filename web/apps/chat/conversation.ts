// One conversation: its turns, and answering through the node. Knows nothing of elements.

import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'
import { errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import type {
  GenerateEvent,
  GenerateResult,
  ModelState,
  NodeApi,
  SamplingOptions,
  StepTiming,
} from '../../../worker/node/api.ts'

export interface Turn {
  readonly id: string
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly model?: string
  /** `waiting` until the first token; `broken` keeps the text that came before the failure. */
  readonly state: 'done' | 'waiting' | 'streaming' | 'stopped' | 'broken'
  /** Of the prompt, while it is read. */
  readonly prefill?: { readonly done: number; readonly total: number }
  /** The last node lost in the middle, and whether the answer has gone on since. */
  readonly recovery?: { readonly state: 'began' | 'done'; readonly message: string }
  readonly failure?: { readonly code: ErrorCode; readonly message: string }
  readonly result?: AnswerFigures
}

export interface AnswerFigures {
  readonly tokens: number
  readonly msPerToken: number
  readonly computeMs: number
  readonly networkMs: number
  readonly finish: GenerateResult['finish']
  readonly nodeIds: readonly string[]
}

export interface ChatSettings {
  readonly temperature: number
  readonly maxTokens: number
}

export interface ConversationEvents {
  onChange(): void
  onToken(timing: StepTiming): void
}

export interface Conversation {
  readonly turns: readonly Turn[]
  readonly answering: boolean
  send(text: string, model: ModelState, settings: ChatSettings): Promise<void>
  stop(): Promise<void>
  /** Empties it, or puts back what was saved. */
  replace(turns: readonly Turn[]): void
}

export function createConversation(api: NodeApi, events: ConversationEvents): Conversation {
  let turns: readonly Turn[] = []
  let requestId: string | null = null

  function change(id: string, fields: Partial<Turn>): void {
    turns = turns.map((turn) => (turn.id === id ? { ...turn, ...fields } : turn))
    events.onChange()
  }

  async function send(text: string, model: ModelState, settings: ChatSettings): Promise<void> {
    if (requestId !== null) return
    const id = crypto.randomUUID?.() ?? String(Math.random())
    requestId = id
    const prompt = promptFor(turns, text, model)
    turns = [
      ...turns,
      { id: `${id}-question`, role: 'user', text, state: 'done' },
      { id, role: 'assistant', text: '', model: model.title, state: 'waiting' },
    ]
    events.onChange()
    let answer = ''
    const listen = (event: GenerateEvent) => {
      if (requestId !== id) return
      if (event.type === 'prefill') {
        change(id, { prefill: { done: event.done, total: event.total } })
        return
      }
      if (event.type === 'recovery') {
        const before = turns.find((turn) => turn.id === id)?.recovery
        change(id, { recovery: { state: event.state, message: event.message || (before?.message ?? '') } })
        return
      }
      answer += event.text
      change(id, { text: answer, state: 'streaming' })
      events.onToken(event.timing)
    }
    try {
      const result = await api.generate(
        { requestId: id, modelId: model.id, prompt, maxTokens: settings.maxTokens, sampling: sampling(settings) },
        listen,
      )
      change(id, {
        text: result.text,
        state: result.finish === 'cancelled' ? 'stopped' : 'done',
        result: figures(result),
      })
    } catch (error) {
      change(id, { state: 'broken', failure: { code: errorCode(error), message: errorMessage(error) } })
    } finally {
      requestId = null
      events.onChange()
    }
  }

  return {
    get turns() {
      return turns
    },
    get answering() {
      return requestId !== null
    },
    send,
    async stop() {
      if (requestId !== null) await api.stop(requestId)
    },
    replace(next) {
      turns = next
      events.onChange()
    },
  }
}

/** A model that ships no chat template only continues text, so it is given the last message as it stands. */
function promptFor(turns: readonly Turn[], text: string, model: ModelState) {
  if (model.chat === false) return { text }
  const messages: ChatMessage[] = turns
    .filter((turn) => turn.text !== '')
    .map((turn) => ({ role: turn.role, content: turn.text }))
  return { messages: [...messages, { role: 'user' as const, content: text }] }
}

function sampling(settings: ChatSettings): SamplingOptions {
  if (settings.temperature === 0) return { temperature: 0 }
  const [seed = 0] = crypto.getRandomValues(new Uint32Array(1))
  // A top-k keeps what crosses the wire for a token small: without one, every logit would be needed.
  return { temperature: settings.temperature, topK: 64, topP: 0.95, repetitionPenalty: 1.1, seed }
}

function figures(result: GenerateResult): AnswerFigures {
  return {
    tokens: result.tokens.length,
    msPerToken: result.msPerToken,
    computeMs: result.computeMs.reduce((sum, ms) => sum + ms, 0),
    networkMs: result.networkMs,
    finish: result.finish,
    nodeIds: [...new Set(result.stages.map((stage) => stage.nodeId))],
  }
}
