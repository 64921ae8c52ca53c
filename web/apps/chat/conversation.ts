// One chat at work: questions, answers through the node, versions of both. Knows nothing of elements.

import { errorCode, errorMessage } from '#core/errors.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'
import type {
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  ModelState,
  NodeApi,
  StepTiming,
} from '../../../worker/node/api.ts'
import { withAttachments, type Attachment } from './attachment.ts'
import { samplingOf, type ChatSettings } from './chat-settings.ts'
import { branchTo, newestEnd, shownTurns, type Chat } from './chat-tree.ts'
import { newId } from './new-id.ts'
import { canGoOn, type AnswerFigures, type KeptTurn, type Turn } from './turns.ts'

/** What answers: the model, the genomes it has on, and how it is sampled. */
export interface Answerer {
  readonly model: ModelState
  readonly genomes: readonly string[]
  readonly settings: ChatSettings
}

export interface ConversationEvents {
  onChange(): void
  onToken(timing: StepTiming): void
  /** What the nodes are called at present, by id. */
  names(ids: readonly string[]): Readonly<Record<string, string>>
  now(): number
}

export interface Conversation {
  readonly chat: Chat
  /** The branch in view. */
  readonly turns: readonly Turn[]
  /** Ids of the turns changed here, as against those that only came from storage. */
  readonly touched: ReadonlySet<string>
  readonly answering: boolean
  send(text: string, answerer: Answerer, attachments?: readonly Attachment[]): Promise<void>
  /** Asks a question in other words, as a version beside it. */
  edit(turnId: string, text: string, answerer: Answerer): Promise<void>
  /** Answers a question once more, as a version beside the answer. */
  regenerate(turnId: string, answerer: Answerer): Promise<void>
  /** Goes on with the last answer, which ended early, as if it never had. */
  goOn(answerer: Answerer): Promise<void>
  stop(): Promise<void>
  /** Turns to a version and the newest branch that begins with it. */
  show(turnId: string): void
  change(fields: Partial<Pick<Chat, 'title' | 'system'>>): void
}

export function createConversation(api: NodeApi, begun: Chat, events: ConversationEvents): Conversation {
  let chat = begun
  let requestId: string | null = null
  const touched = new Set<string>()

  function update(fields: Partial<Chat>): void {
    chat = { ...chat, ...fields, changedAt: events.now() }
    events.onChange()
  }

  function changeTurn(id: string, fields: Partial<Turn>): void {
    touched.add(id)
    update({ turns: chat.turns.map((turn) => (turn.id === id ? { ...turn, ...fields } : turn)) })
  }

  function add(turn: Turn): void {
    touched.add(turn.id)
    update({ turns: [...chat.turns, turn], shown: turn.id })
  }

  async function ask(parent: string | null, text: string, attachments: readonly Attachment[], answerer: Answerer) {
    const id = newId()
    add({ id, parent, role: 'user', text, state: 'done', ...(attachments.length > 0 && { attachments }) })
    await answerTo(id, answerer)
  }

  async function answerTo(question: string, { model, genomes, settings }: Answerer): Promise<void> {
    const id = newId()
    const kept: KeptTurn = {
      modelId: model.id,
      sampling: samplingOf(settings),
      system: chat.system,
      tokens: [],
      text: '',
    }
    const more = { ...(genomes.length > 0 && { genomes }), ...(model.chat === false && { plain: true }) }
    const prompt = promptFor(chat.system, branchTo(chat.turns, question), model)
    add({ id, parent: question, role: 'assistant', text: '', model: model.title, state: 'waiting', kept, ...more })
    await answer(id, id, prompt, kept, settings)
  }

  /** Answers the turn, from what is kept of it on. */
  async function answer(
    id: string,
    request: string,
    prompt: GenerateRequest['prompt'],
    before: KeptTurn,
    settings: ChatSettings,
  ): Promise<void> {
    requestId = request
    events.onChange()
    let kept = before
    const listen = (event: GenerateEvent) => {
      if (requestId !== request) return
      if (event.type === 'queue') {
        changeTurn(id, { queue: { position: event.position, tokensPerSecond: event.tokensPerSecond ?? 0 } })
        return
      }
      if (event.type === 'prefill') {
        kept = { ...kept, path: event.path ?? kept.path }
        changeTurn(id, { kept, prefill: { done: event.done, total: event.total } })
        return
      }
      if (event.type === 'recovery') {
        const last = chat.turns.find((turn) => turn.id === id)?.recovery
        changeTurn(id, { recovery: { state: event.state, message: event.message || (last?.message ?? '') } })
        return
      }
      kept = { ...kept, tokens: [...kept.tokens, event.token], text: kept.text + event.text }
      changeTurn(id, { kept, text: kept.text, state: 'streaming' })
      // What a draft brought took no time of its own.
      if (event.timing.totalMs > 0) events.onToken(event.timing)
    }
    const { modelId, sampling } = before
    const continueFrom = before.tokens.length > 0 ? { continueFrom: before } : {}
    try {
      const result = await api.generate(
        { requestId: request, modelId, prompt, maxTokens: settings.maxTokens, sampling, ...continueFrom },
        listen,
      )
      const isOver = result.finish === 'end' || result.finish === 'context'
      changeTurn(id, {
        text: result.text || kept.text,
        state: result.finish === 'cancelled' ? 'stopped' : 'done',
        result: figuresOf(result, events.names),
        kept: isOver ? undefined : kept,
      })
    } catch (error) {
      changeTurn(id, { state: 'broken', failure: { code: errorCode(error), message: errorMessage(error) } })
    } finally {
      requestId = null
      events.onChange()
    }
  }

  const find = (id: string) => chat.turns.find((turn) => turn.id === id)

  return {
    get chat() {
      return chat
    },
    get turns() {
      return shownTurns(chat)
    },
    touched,
    get answering() {
      return requestId !== null
    },
    async send(text, answerer, attachments = []) {
      if (requestId === null) await ask(chat.shown, text, attachments, answerer)
    },
    async edit(turnId, text, answerer) {
      const turn = find(turnId)
      if (requestId !== null || turn?.role !== 'user') return
      await ask(turn.parent, text, turn.attachments ?? [], answerer)
    },
    async regenerate(turnId, answerer) {
      const turn = find(turnId)
      if (requestId !== null || turn?.role !== 'assistant' || turn.parent === null) return
      await answerTo(turn.parent, answerer)
    },
    async goOn({ model, settings }) {
      const turn = find(chat.shown ?? '')
      if (requestId !== null || !turn?.kept || !canGoOn(turn)) return
      const {
        queue: _queue,
        prefill: _prefill,
        recovery: _recovery,
        failure: _failure,
        result: _result,
        ...rest
      } = turn
      const fresh: Turn = { ...rest, text: turn.kept.text, model: model.title, state: 'waiting' }
      touched.add(turn.id)
      update({ turns: chat.turns.map((one) => (one.id === turn.id ? fresh : one)) })
      const prompt = promptFor(turn.kept.system ?? '', branchTo(chat.turns, turn.parent), model)
      await answer(turn.id, newId(), prompt, turn.kept, settings)
    },
    async stop() {
      if (requestId !== null) await api.stop(requestId)
    },
    show(turnId) {
      if (requestId === null && find(turnId)) update({ shown: newestEnd(chat.turns, turnId) })
    },
    change: update,
  }
}

/** A model that ships no chat template only continues text, so it is given the last message as it stands. */
function promptFor(system: string, turns: readonly Turn[], model: ModelState): GenerateRequest['prompt'] {
  const content = (turn: Turn) => withAttachments(turn.text, turn.attachments ?? [])
  const last = turns.at(-1)
  if (model.chat === false) return { text: last ? content(last) : '' }
  const told: ChatMessage[] = system.trim() === '' ? [] : [{ role: 'system', content: system.trim() }]
  const said = turns.map((turn): ChatMessage => ({ role: turn.role, content: content(turn) }))
  return { messages: [...told, ...said.filter((message) => message.content !== '')] }
}

function figuresOf(result: GenerateResult, names: ConversationEvents['names']): AnswerFigures {
  const stages = result.stages.map(({ nodeId, range }) => ({ nodeId, range }))
  const nodeIds = [...new Set(stages.map(({ nodeId }) => nodeId))]
  const { answeredBy } = result
  const signedBy = result.signedBy ?? []
  return {
    tokens: result.tokens.length,
    drafted: result.drafts?.held ?? 0,
    signedBy,
    msPerToken: result.msPerToken,
    computeMs: result.computeMs.reduce((sum, ms) => sum + ms, 0),
    networkMs: result.networkMs,
    finish: result.finish,
    nodeIds,
    stages,
    names: names([...new Set([...nodeIds, ...signedBy, ...(answeredBy === undefined ? [] : [answeredBy])])]),
    ...(answeredBy !== undefined && { answeredBy }),
  }
}
