// A whole swarm under a seed: nodes on their machines, the server between them, an origin for the model, and what follows
// from the dice. One world lives for some virtual minutes, is hurt all the while, is then left in peace, and must heal.

import { identityFromSeed, plainVerifier, type Identity } from '#core/crypto/identity.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { stageBytes } from '#core/pipeline/place-layers.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { inviteLink } from '../../worker/node/invite.ts'
import { createNode, type CentramNode } from '../../worker/node/node.ts'
import type { NodeState } from '../../worker/node/api.ts'
import { placementOf } from '../../worker/model/shard-tensors.ts'
import type { Surroundings } from '../../worker/node/surroundings.ts'
import { createArithmetic, createOracle } from './arithmetic.ts'
import { createAsking, type Asking } from './asking.ts'
import { createComputing, type Computing } from './computing.ts'
import { createDisk, type Disk } from './disk.ts'
import {
  createFaultCounts,
  createPostOffice,
  createTampering,
  createTransferFaults,
  type FaultCounts,
} from './faults.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createMeetingPlace, type MeetingPlace } from './meeting-place.ts'
import { createOrigin } from './origin.ts'
import { createProcess, type SimulatedProcess } from './process.ts'
import { createDice, type Dice } from './random.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { buildSharedModel, MODEL_URL, openSharedModel } from './shared-model.ts'
import { createStreaming, type Streaming } from './streaming.ts'
import { createWires, type Wires } from './wires.ts'

export interface Host {
  readonly name: string
  /** Public key, hex. */
  readonly id: string
  readonly disk: Disk
  readonly isLight: boolean
  life: Life | null
}

/** One start of a node. */
export interface Life {
  readonly process: SimulatedProcess
  readonly computing: Computing
  /** Null until it has started. */
  node: CentramNode | null
  state: NodeState | null
}

export interface World {
  readonly seed: string
  readonly schedule: Schedule
  readonly dice: Dice
  readonly hosts: readonly Host[]
  readonly wires: Wires
  readonly place: MeetingPlace
  readonly faults: FaultCounts
  readonly asking: Asking
  readonly ledger: Ledger
  readonly streaming: Streaming
  /** Chances of single messages' faults; zero once the world is in peace. */
  readonly rates: { packet: number; link: number; relay: number; transfer: number; disk: number }
  start(host: Host): void
  /** The tab vanishes; `machine`: with everything on its machine, and what was not flushed. */
  crash(host: Host, machine: boolean): void
  /** The tab is closed by its person. */
  close(host: Host): void
  violate(what: string): void
  readonly violations: readonly string[]
}

export const INVITE = inviteLink('https://origin.example/', new Uint8Array(16).fill(42))
export const MODEL_ID = 'shared'

export interface WorldOptions {
  readonly seed: string
  readonly nodes: number
  /** Bits are compared, see arithmetic.ts. */
  readonly exact: boolean
}

const model = (() => {
  let built: ReturnType<typeof prepare> | null = null
  async function prepare() {
    const bytes = buildSharedModel()
    return { bytes, opened: await openSharedModel(bytes) }
  }
  return () => (built ??= prepare())
})()

export async function createWorld({ seed, nodes, exact }: WorldOptions): Promise<World> {
  const dice = createDice(`world ${seed}`)
  const violations: string[] = []
  const { bytes, opened } = await model()
  const arithmetic = createArithmetic(exact)
  const oracle = await createOracle(opened, arithmetic)
  const tokenizer = createTokenizer(opened.tokenizer)
  const schedule = createSchedule(() => {
    if (violations.length > 0) throw new ViolationError(violations.join('\n'))
  })
  const violate = (what: string): void => {
    schedule.note(`VIOLATION ${what}`)
    violations.push(what)
  }
  const rates = { packet: 0, link: 0, relay: 0, transfer: 0, disk: 0 }
  const faults = createFaultCounts()
  const ledger = createLedger(schedule, violate, () => !faults.tampered)
  const streaming = createStreaming(schedule, dice.fork('streaming'), violate)
  const wires = createWires(schedule, dice.fork('wires'))
  wires.tamper = createTampering(dice.fork('tampering'), faults, () => rates.link)
  const packets = dice.fork('packets')
  wires.losesPacket = () => {
    if (!packets.chance(rates.packet)) return false
    faults.count('packet lost')
    return true
  }
  const place = createMeetingPlace(schedule, dice.fork('meeting place'))
  place.relay = createPostOffice(dice.fork('post office'), faults, () => rates.relay)
  const origin = createOrigin(new Map([[MODEL_URL, bytes]]), dice.fork('origin'))
  origin.fault = createTransferFaults(dice.fork('transfers'), faults, () => rates.transfer)
  const asking = createAsking({ schedule, dice: dice.fork('asking'), oracle, tokenizer, exact, violate })
  const { layers, contextLength } = opened.config
  const wholeBytes = stageBytes(placementOf(opened, contextLength), { first: 0, last: layers })

  /** One of `values` for each pair of places, whoever of their processes asks. */
  const ofPair = (what: string, values: readonly number[]): ((a: string, b: string) => number) => {
    const drawn = new Map<string, number>()
    return (a, b) => {
      const pair = [placeOf(a), placeOf(b)].sort().join()
      const value = drawn.get(pair) ?? dice.fork(`${what} ${pair}`).pick(values)
      drawn.set(pair, value)
      return value
    }
  }
  wires.delay = ofPair('delay', [1, 5, 20, 40, 80])
  // On the slow ones a stream takes long enough for nodes to open lanes.
  wires.rate = ofPair('rate', [100, 400, 4000])

  const hosts: Host[] = []
  const keys = new Map<string, Identity>()
  for (let index = 0; index < nodes; index++) {
    const name = `n${index}`
    const identity = identityFromSeed(sha256(new TextEncoder().encode(`${seed} ${name}`)))
    keys.set(name, identity)
    // The first two are tabs of one browser.
    const shared = index === 1 ? hosts[0]?.disk : undefined
    const disk = shared ?? createDisk(dice.fork(`disk ${name}`))
    if (!shared) disk.faults = createDiskFaults(disk, dice.fork(`disk faults ${name}`))
    const isLight = index >= 2 && dice.chance(0.25)
    hosts.push({ name, id: toHex(identity.publicKey), disk, isLight, life: null })
  }

  function createDiskFaults(disk: Disk, chances: Dice): Disk['faults'] {
    return (operation, name) => {
      if (!chances.chance(rates.disk)) return
      faults.count('disk error')
      schedule.note(`disk error: ${operation} ${name} (${disk.usage})`)
      throw new CentramError('STORAGE_UNAVAILABLE', `The simulated disk did not ${operation} ${name}.`)
    }
  }

  let starts = 0
  function start(host: Host): void {
    if (host.life !== null) return
    const process = createProcess(`${host.name}.${++starts}`, schedule)
    const own = dice.fork(process.name)
    const bytesOf = own.fork('random bytes')
    const budgetBytes = host.isLight
      ? null
      : Math.floor(wholeBytes * dice.fork(`budget ${host.name}`).between(0.6, 1.8))
    const computing = createComputing({
      process,
      arithmetic,
      dice: own.fork('computing'),
      budgetBytes,
      bytesPerSecond: dice.fork(`speed ${host.name}`).between(1e6, 1e8),
      rightWeights: oracle.weights,
      violate,
    })
    const life: Life = { process, computing, node: null, state: null }
    host.life = life
    const { records, blobs, withLock } = host.disk.openFor(process)
    const identity = keys.get(host.name)!
    const slow = own.fork('signing')
    const surroundings: Surroundings = {
      settings: {
        serverUrl: 'wss://origin.example/signal',
        pageUrl: 'https://origin.example/',
        catalogue: [{ id: MODEL_ID, title: 'Shared', url: MODEL_URL, origin: 'server', sizeBytes: bytes.length }],
        invite: INVITE,
      },
      // On another thread, so now and then it is late.
      identity: {
        publicKey: identity.publicKey,
        sign: (message) =>
          slow.chance(0.97)
            ? identity.sign(message)
            : new Promise((resolve) => {
                process.after(slow.between(0, 20), 'signs', () => void identity.sign(message).then(resolve))
              }),
      },
      verifier: (publicKey, message, signature) =>
        slow.chance(0.97)
          ? plainVerifier(publicKey, message, signature)
          : new Promise((resolve) => {
              process.after(slow.between(0, 20), 'verifies', () => {
                void plainVerifier(publicKey, message, signature).then(resolve)
              })
            }),
      openGpu: () => Promise.reject(new Error('a simulated node opens no real GPU')),
      transport: wires.createTransport(process, sha256(new TextEncoder().encode(process.name))),
      connect: place.connectFrom(process),
      records,
      blobs,
      withLock,
      fetch: origin.fetchFor(process),
      clock: process.clock,
      wallTime: process.wallTime,
      random: (length) => bytesOf.bytes(length),
    }
    createNode(surroundings, {
      createShards: (_surroundings, self, onState) => computing.createShards(self, onState),
      createSwarm: (options) => ledger.watch(process.name, options),
      createStreams: (options) => streaming.watch(process, options),
    }).then(
      (node) => {
        if (host.life !== life) return
        life.node = node
        schedule.note(`${process.name} started`)
        void node.api.watch((state) => {
          life.state = state
          checkState(host, state, violate)
        })
      },
      (error: unknown) => {
        if (host.life !== life) return
        const isOfDisk = error instanceof CentramError && error.code.startsWith('STORAGE')
        if (!isOfDisk) violate(`${process.name} did not start: ${String(error)}`)
        // A person reloads the page.
        process.kill()
        host.life = null
        schedule.after(5000, `${host.name} is reloaded`, () => start(host))
      },
    )
  }

  return {
    seed,
    schedule,
    dice,
    hosts,
    wires,
    place,
    faults,
    asking,
    ledger,
    streaming,
    rates,
    violations,
    violate,
    start,
    crash(host, machine) {
      host.life?.process.kill()
      host.life = null
      if (!machine) return
      for (const other of hosts.filter(({ disk }) => disk === host.disk)) {
        other.life?.process.kill()
        other.life = null
      }
      faults.count('torn write', host.disk.loseUnflushed())
    },
    close(host) {
      const { life } = host
      if (life === null) return
      host.life = null
      life.node?.close()
      // The goodbyes leave; then the tab is gone.
      schedule.after(2000, `${life.process.name} is closed`, () => life.process.kill())
    },
  }
}

export class ViolationError extends Error {}

/** Processes of one node, and of one machine's two tabs, are at one place. */
const placeOf = (process: string) => process.replace(/\..*/, '')

function checkState(host: Host, state: NodeState, violate: (what: string) => void): void {
  const ids = state.peers.map(({ id }) => id)
  if (new Set(ids).size < ids.length || ids.includes(host.id)) violate(`${host.name} lists a peer twice, or itself`)
  const forged = state.peers.find(({ name }) => name.startsWith('FORGED'))
  if (forged) violate(`${host.name} believes a forged frame: ${forged.name}`)
  if (state.placement) {
    let next = 0
    for (const { range } of state.placement.stages) {
      if (range.first !== next || range.last <= range.first) violate(`${host.name} places layers with a gap or twice`)
      next = range.last
    }
    if (next !== state.placement.layers) violate(`${host.name} leaves layers out of its placement`)
  }
}
