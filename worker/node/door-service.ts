// A node as a door: connects to its server where a person wants that, tells it what it answers with, and gives clients their
// answers within what their keys allow. What is computed for a client runs as any other answer does, in turn with the person's own.

import { createStopStrings } from '#core/door/stop-strings.ts'
import { DOOR_PATH, type DoorAsk, type DoorEmbed, type DoorUsage, type FromNode } from '#core/door/messages.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { GenerateResult, NodeState } from './api.ts'
import { doorAddress, doorSetting, NO_DOOR, type Door, type DoorParts } from './door-parts.ts'
import type { DoorState } from './door-api.ts'
import { createDoorKeys, type DoorKey } from './door-keys.ts'
import { listDoorModels, type DoorModel } from './door-models.ts'
import { openDoorSocket, type DoorSocket } from './door-socket.ts'
import { createEmbedder } from './embeddings.ts'
import type { Surroundings } from './surroundings.ts'

/** Questions of clients under way, of all keys and of one. */
const MOST_AT_ONCE = 32
const MOST_OF_A_KEY = 8

interface Running {
  readonly keyId: string
  cancel(): void
}

export function createDoorService(surroundings: Surroundings, parts: DoorParts, show: (door: DoorState) => void): Door {
  const { settings, records } = surroundings
  const setting = doorSetting(parts.owner)
  const keys = createDoorKeys(surroundings, parts.owner)
  const embedder = createEmbedder(parts.answers)
  let state: DoorState = { ...NO_DOOR, address: doorAddress(settings) }
  let socket: DoorSocket | null = null
  let offered: readonly DoorModel[] = []
  let told = ''
  const running = new Map<number, Running>()

  function update(change: Partial<DoorState> = {}): void {
    const models = offered.map(({ name, title }) => ({ name, title }))
    state = { ...state, ...change, models, keys: keys.list(), running: running.size }
    show(state)
  }

  /** The server hears of models and keys when they change. */
  function offer(): void {
    const models = offered.map(({ name, title, embeds }) => ({ name, title: title.slice(0, 256), embeds }))
    const message: FromNode = { type: 'offer', models, keys: [...keys.hashes()] }
    const text = JSON.stringify([models, keys.list().map(({ id }) => id)])
    if (state.state !== 'open' || text === told) return
    told = text
    socket?.send(message)
  }

  function follow(node: NodeState): void {
    if (!state.on) return
    const before = JSON.stringify(offered)
    offered = listDoorModels(node)
    if (JSON.stringify(offered) === before) return
    offer()
    update()
  }

  function open(serverUrl: string): void {
    const { identity, clock, connect, random } = surroundings
    offered = listDoorModels(parts.store.get())
    socket = openDoorSocket({
      url: serverUrl.replace(/\/signal$/, DOOR_PATH),
      name: parts.store.get().name,
      identity,
      clock,
      connect,
      random,
      onState(connection, reason) {
        if (connection !== 'open') endAll()
        told = ''
        update({ state: connection, reason })
        offer()
      },
      onMessage(message) {
        if (message.type === 'cancel') running.get(message.ask)?.cancel()
        else void serve(message)
      },
    })
  }

  function endAll(): void {
    for (const { cancel } of running.values()) cancel()
  }

  async function serve(message: DoorAsk | DoorEmbed): Promise<void> {
    const { ask } = message
    const door = socket
    if (running.has(ask)) return
    const entry: { keyId: string; cancelled: boolean; cancel(): void } = {
      keyId: '',
      cancelled: false,
      cancel: () => (entry.cancelled = true),
    }
    running.set(ask, entry)
    try {
      const { key, model } = admit(message)
      entry.keyId = key.id
      update({ requests: state.requests + 1 })
      if (message.type === 'ask') await answer(message, model, key, entry, (reply) => door?.send(reply))
      else await embed(message, model, key, entry, (reply) => door?.send(reply))
    } catch (error) {
      door?.send({ type: 'failed', ask, code: errorCode(error), message: errorMessage(error).slice(0, 500) })
    } finally {
      running.delete(ask)
      update()
      await keys.save().catch(() => undefined)
    }
  }

  /** Throws where the question may not be answered, or not now. */
  function admit({ key: hash, model: name, type }: DoorAsk | DoorEmbed): { key: DoorKey; model: DoorModel } {
    const key = keys.find(hash)
    if (!key) throw new CentramError('PEER_REFUSED', 'This API key was removed from the node that made it.')
    const model = offered.find((other) => other.name === name)
    if (!model) throw new CentramError('MODEL_UNKNOWN', `The node does not answer with ${name} any more.`)
    if (type === 'embed' && !model.embeds) {
      throw new CentramError('NOT_OFFERED', `${name} is held by another node, which gives no embeddings.`)
    }
    const others = [...running.values()].filter(({ keyId }) => keyId === key.id)
    if (others.length >= MOST_OF_A_KEY || running.size > MOST_AT_ONCE) {
      throw new CentramError('NO_CAPACITY', 'The node works on as many questions as it takes at once. Ask again soon.')
    }
    parts.requireHelping()
    key.require()
    return { key, model }
  }

  async function answer(
    { ask, prompt, maxTokens, sampling, stop }: DoorAsk,
    { modelId, adapters }: DoorModel,
    key: DoorKey,
    entry: { cancelled: boolean; cancel(): void },
    reply: (message: FromNode) => void,
  ): Promise<void> {
    const requestId = `door/${ask}`
    const stops = createStopStrings(stop)
    let isSpent = false
    let isPromptCharged = false
    let heard = 0
    const end = () => parts.stop(requestId)
    entry.cancel = () => {
      entry.cancelled = true
      end()
    }
    const charge = (tokens: number) => {
      if (key.charge(tokens)) return
      isSpent = true
      end()
    }
    const say = (text: string) => {
      if (text !== '') reply({ type: 'text', ask, text })
    }
    const result = await parts.generate(
      `door/${key.id}`,
      { requestId, modelId, prompt, maxTokens, sampling, ...(adapters && { adapters }) },
      (event) => {
        if (event.type === 'prefill' && !isPromptCharged) {
          isPromptCharged = true
          charge(event.total)
        }
        if (event.type !== 'token') return
        charge(1)
        heard += event.text.length
        say(stops.push(event.text))
        if (stops.stopped) end()
      },
    )
    // An unfinished character at the end comes with the result alone.
    say(stops.push(result.text.slice(heard)))
    say(stops.flush())
    const usage: DoorUsage = {
      promptTokens: result.promptTokens,
      keptTokens: result.keptTokens ?? 0,
      tokens: result.tokens.length,
    }
    count(usage)
    reply({ type: 'done', ask, finish: finishOf(result, stops.stopped, isSpent && !entry.cancelled), usage })
  }

  async function embed(
    { ask, inputs }: DoorEmbed,
    { modelId, adapters }: DoorModel,
    key: DoorKey,
    entry: { readonly cancelled: boolean },
    reply: (message: FromNode) => void,
  ): Promise<void> {
    let promptTokens = 0
    for (const [index, input] of inputs.entries()) {
      if (entry.cancelled) break
      if (index > 0 && !key.charge(0)) key.require()
      const { values, tokens } = await embedder.embed(modelId, input, {
        asker: `door/${key.id}`,
        ...(adapters && { adapters }),
        isCancelled: () => entry.cancelled,
      })
      promptTokens += tokens
      key.charge(tokens)
      reply({ type: 'vector', ask, index, values: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) })
    }
    const usage = { promptTokens, keptTokens: 0, tokens: 0 }
    count(usage)
    reply({ type: 'done', ask, finish: entry.cancelled ? 'cancelled' : 'stop', usage })
  }

  function count({ promptTokens, tokens }: DoorUsage): void {
    update({ promptTokens: state.promptTokens + promptTokens, answerTokens: state.answerTokens + tokens })
  }

  async function setDoor(on: boolean): Promise<void> {
    const { serverUrl } = settings
    if (on && serverUrl === undefined) {
      throw new CentramError(
        'NOT_OFFERED',
        'This page came without a server, and a door needs one. Open it from a server.',
      )
    }
    await records.put('settings', setting, on)
    state = { ...state, on }
    if (on && serverUrl !== undefined && !socket) open(serverUrl)
    if (!on) shut()
    update()
  }

  function shut(): void {
    endAll()
    socket?.close()
    socket = null
    offered = []
    state = { ...state, state: 'closed', reason: null }
  }

  return {
    api: {
      setDoor,
      async makeDoorKey(wanted) {
        const key = await keys.make(wanted)
        offer()
        update()
        return key
      },
      async removeDoorKey(keyId) {
        await keys.remove(keyId)
        for (const entry of running.values()) if (entry.keyId === keyId) entry.cancel()
        offer()
        update()
      },
    },
    async start() {
      await keys.start()
      parts.store.watch(follow)
      if ((await records.get('settings', setting)) === true && settings.serverUrl !== undefined) await setDoor(true)
      else update()
    },
    close: shut,
  }
}

function finishOf({ finish }: GenerateResult, stopped: boolean, spent: boolean): 'stop' | 'length' | 'cancelled' {
  if (stopped || finish === 'end') return 'stop'
  return finish === 'cancelled' && !spent ? 'cancelled' : 'length'
}
