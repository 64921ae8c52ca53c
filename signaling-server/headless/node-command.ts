// `centram node`: an always-on node without a browser. Joins a room, lends its GPU and its disk, and says what happens, until it
// is told to stop.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { NodeApi, NodeState } from '../../worker/node/api.ts'
import { createNode, type CentramNode } from '../../worker/node/node.ts'
import { defaultNodeFolder, openDataFolder, type DataFolder } from './data-folder.ts'
import type { GpuChoice } from './dawn.ts'
import { endWithFirstRun, isTrusting, ownAuthority, runTrusting } from './authority.ts'
import { createHappenings, type Happening } from './happenings.ts'
import { addHeadlessModel } from './headless-model.ts'
import { readLink, readSettings } from './settings.ts'
import { openHeadless } from './surroundings.ts'

export interface NodeOptions {
  /** Invite link; or, without one, the room it was in before. */
  readonly join?: string
  /** Server of a new room, where there is no invite. */
  readonly server?: string
  /** Authority that signed the server's certificate, as a PEM file. */
  readonly ca?: string
  readonly data?: string
  readonly name?: string
  readonly gpu: GpuChoice
  /** Bytes; default what the device suggests. */
  readonly memory?: number
  /** Part of the time that the GPU may compute. */
  readonly gpuShare: number
  readonly store: number
  /** Bytes a second that may leave; default as fast as links go. */
  readonly upload?: number
  readonly stun: boolean
  /** Model to load and answer with: a catalogue name, an address, or a file. */
  readonly model?: string
  /** Keeps all layers here. */
  readonly solo: boolean
  /** Models to store whole, so that others have them from here. */
  readonly keep: readonly string[]
  /** Whether programs outside may ask it, by OpenAI's API. */
  readonly door: boolean
  readonly json: boolean
}

/** Time for the goodbye to reach the others. */
const GOODBYE_MS = 1_200
/** Holds the invite link of the node's room: how it comes back to it, and how a person lets others in. */
const INVITE_FILE = 'invite'
/** Holds the API key that was made when the door was first opened. */
const DOOR_KEY_FILE = 'door-key'
const REQUESTS_PER_MINUTE = 60

export async function runNode(options: NodeOptions): Promise<void> {
  const authority = options.ca ?? ownAuthority()
  if (authority !== undefined && !isTrusting(authority)) {
    await runTrusting(authority)
    return
  }
  endWithFirstRun()
  const say = (happening: Happening) => {
    const { text, ...data } = happening
    if (options.json) console.log(JSON.stringify({ at: new Date().toISOString(), ...data, text }))
    else console.log(`${new Date().toISOString().slice(11, 19)}  ${text}`)
  }
  const folder = openDataFolder(options.data ?? defaultNodeFolder())
  try {
    await startNode(options, folder, say)
  } catch (error) {
    folder.release()
    throw error
  }
}

async function startNode(options: NodeOptions, folder: DataFolder, say: (happening: Happening) => void): Promise<void> {
  const inviteFile = folder.file(INVITE_FILE)
  const { page, invite } = readHome(options, inviteFile)
  const surroundings = await openHeadless({
    settings: await readSettings(page, invite, (text) => say({ event: 'warning', text })),
    folder,
    gpu: options.gpu,
    storeBytes: options.store,
    warn: (text) => say({ event: 'warning', text }),
  })
  const node = await createNode(surroundings)
  say({ event: 'started', text: `Keeps its things in ${folder.path}`, folder: folder.path })
  endOnSignals(node, say, () => {
    surroundings.close()
    folder.release()
  })

  let last: NodeState | undefined
  const happenings = createHappenings()
  await node.api.watch((state) => {
    for (const happening of happenings(state)) say(happening)
    if (state.room !== null && state.room.invite !== last?.room?.invite) keepSecret(inviteFile, state.room.invite)
    last = state
  })
  const state = () => last as unknown as NodeState
  await applyOptions(node.api, options, state())
  if (state().room === null) {
    if (options.join !== undefined) throw new CentramError('BAD_ARGUMENT', 'The invite could not be used; see above.')
    await node.api.share()
  }
  say({ event: 'invite', text: `The invite link of its room is in ${inviteFile}`, file: inviteFile })
  if (options.door) await openDoor(node.api, folder, state(), say)
  // Extras: a node that cannot have a model still helps others.
  for (const name of options.keep) {
    await attempt(`${name} could not be stored`, say, async () => {
      await node.storeModel(await addHeadlessModel(node.api, name))
      say({ event: 'stored', text: `All of ${name} is stored here for others`, model: name })
    })
  }
  const { model } = options
  if (model === undefined) return
  await attempt(`${model} could not be loaded`, say, async () => {
    const modelId = await addHeadlessModel(node.api, model)
    await node.api.loadModel(modelId, { placement: options.solo ? 'solo' : 'swarm' })
  })
}

/** Leaves in order at the first signal, and at once at the second. */
function endOnSignals(node: CentramNode, say: (happening: Happening) => void, release: () => void): void {
  let ending = false
  const stop = (signal: NodeJS.Signals) => {
    if (ending) {
      release()
      process.exit(130)
    }
    ending = true
    say({ event: 'stopping', text: `Hands over what it holds for others, and leaves (${signal})…` })
    void node.api
      .leaveCleanly()
      .catch(() => undefined)
      .then(() => {
        node.close()
        setTimeout(() => {
          release()
          process.exit(0)
        }, GOODBYE_MS)
      })
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

/** The page of the invite link, of `--server`, or of the room it was in the last time. */
function readHome(options: NodeOptions, inviteFile: string): { readonly page: URL; readonly invite: string } {
  const kept = readKept(inviteFile)
  const link = options.join ?? options.server ?? kept
  if (link === undefined) {
    throw new CentramError(
      'BAD_ARGUMENT',
      'Say where to meet the others: --join with the invite link that “Share” shows in a tab, or --server with the address of a ' +
        'Centram server to open a room there.',
    )
  }
  const { page, invite } = readLink(link)
  if (options.join !== undefined && invite === '') {
    throw new CentramError(
      'BAD_ARGUMENT',
      'That link names no room: it ends before “#join=…”. Copy the whole link, in quotes, since a shell may take # as a comment.',
    )
  }
  // Its room at that server, where it was in one.
  const before = kept === undefined || invite !== '' ? undefined : readLink(kept)
  return { page, invite: before?.page.href === page.href ? before.invite : invite }
}

function readKept(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

function keepSecret(file: string, text: string): void {
  writeFileSync(`${file}.next`, `${text}\n`, { mode: 0o600 })
  renameSync(`${file}.next`, file)
}

async function applyOptions(api: NodeApi, options: NodeOptions, state: NodeState): Promise<void> {
  if (options.name !== undefined && options.name !== state.name) await api.rename(options.name)
  await api.setSharing({ enabled: true, bytesPerSecond: options.upload ?? null, keepBytes: options.store })
  if (state.links.stun !== options.stun) await api.setLinks({ stun: options.stun, servers: state.links.servers })
  const { onlyWhenIdle, onlyOnMains, paused } = state.limits
  const mine = { memoryBytes: options.memory ?? null, gpuShare: options.gpuShare }
  await api.setLimits({ onlyWhenIdle, onlyOnMains, paused, ...mine })
}

/** Opens the door for programs outside. The first time a key is made for them, which only its file holds. */
async function openDoor(
  api: NodeApi,
  folder: DataFolder,
  { door }: NodeState,
  say: (happening: Happening) => void,
): Promise<void> {
  await attempt('The door could not be opened', say, async () => {
    const file = folder.file(DOOR_KEY_FILE)
    if (door.keys.length === 0) {
      const key = await api.makeDoorKey({
        name: 'centram node',
        requestsPerMinute: REQUESTS_PER_MINUTE,
        tokensPerDay: null,
      })
      keepSecret(file, key)
    }
    await api.setDoor(true)
    say({ event: 'door-key', text: `The API key of its door is in ${file}`, file })
  })
}

async function attempt(what: string, say: (happening: Happening) => void, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    say({ event: 'warning', text: `${what}: ${errorMessage(error)}` })
  }
}
