// What a page, the demo and the tests may ask of a node. Types only. Calls cross a MessagePort (Comlink): arguments and
// results are structured-cloneable, listeners are proxies, and an error keeps its `code`.

import type { ErrorCode } from '#core/errors.ts'
import type { IceServer } from '#core/ice-servers.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { Spread } from '#core/pipeline/place-layers.ts'
import type { MessageTraffic } from '#core/protocol/traffic.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'
import type { WayIn } from '../net/introducer.ts'
import type { StretchLength } from '../hyperlink/cache-path.ts'
import type { DoorApi, DoorState } from './door-api.ts'
import type { EngineApi, EngineName, EngineState } from './engine-api.ts'
import type { ActiveGenome, LabApi, LabState } from './lab-api.ts'
import type { LedgerApi, LedgerState } from './ledger-api.ts'
import type { LimitsApi, LimitsState } from './limits-api.ts'
import type { SharingApi, SharingState } from './sharing-api.ts'

export interface NodeApi extends DoorApi, EngineApi, LabApi, LedgerApi, LimitsApi, SharingApi {
  /** Sends the present state and every later one; the listener is dropped when its port closes. */
  watch(listener: (state: NodeState) => void): Promise<void>
  rename(name: string): Promise<void>
  /** Changes the key that others know this node by; the page is to be loaded anew afterwards. */
  changeKey(how: KeyChange): Promise<void>

  /** Reads the headers and lists the model; nothing large is fetched. Returns its id. */
  addModel(input: ModelInput): Promise<string>
  /** Bytes to fetch, to store and on the GPU, before anything starts. */
  estimateModel(modelId: string): Promise<ModelEstimate>
  /** Fetches what is missing and loads the model, on this node alone or over the nodes of the room. */
  loadModel(modelId: string, options?: LoadOptions): Promise<void>
  /** Stops a load in progress; what was fetched stays and is resumed. */
  cancelLoad(modelId: string): Promise<void>
  unloadModel(modelId: string): Promise<void>
  /** Deletes the stored bytes too. */
  removeModel(modelId: string): Promise<void>

  /** The ways into rooms besides the page's own server, in place of those set before. */
  setWays(ways: readonly WayIn[]): Promise<void>
  /** The tab came into view or left it. */
  setVisible(visible: boolean): Promise<void>

  /** Lets devices on the same network be told of this one, and this one of them. */
  setNearby(on: boolean): Promise<void>
  /** Asks a nearby device to join this node's room, or, without one, to be let into its room. */
  pair(nodeId: string): Promise<void>
  /** Agrees to what a nearby device asks. */
  acceptPairing(): Promise<void>
  /** The code that the other device shows; null lets in a device that was paired before. Rejects for a wrong one. */
  givePairingCode(code: string | null): Promise<void>
  cancelPairing(): Promise<void>

  /** Opens a room (or names the present one) and returns the invite link for another browser. */
  share(): Promise<string>
  join(inviteOrRoom: string): Promise<void>
  leave(): Promise<void>
  /** Which STUN and TURN servers links may use, from now on and in later visits. */
  setLinks(settings: LinkSettings): Promise<void>

  /** Sends noise to another node for some seconds. Throws `NO_CAPACITY` where either side is busy, `PEER_LEFT`, `TIMEOUT`. */
  measureLink(peerId: string): Promise<LinkSpeed>

  /** Answers one request; tokens arrive at `listener` as they are made. */
  generate(request: GenerateRequest, listener: (event: GenerateEvent) => void): Promise<GenerateResult>
  /** Ends an answer early; its `generate` resolves with finish `cancelled`. */
  stop(requestId: string): Promise<void>
  /** Messages sent, verified and handled since the node was started, by type. */
  traffic(): Promise<readonly MessageTraffic[]>
}

/**
 * `retired`: a new key, which others follow. `compromised`: the same, and nobody may go by the old one from now on.
 * `anew`: a new key that nothing ties to the old one, which counts no longer.
 */
export type KeyChange = 'retired' | 'compromised' | 'anew'

/** What the page sends with the very first call. */
export interface NodeSettings {
  /** `ws://…/signal`; absent when the page came without a server. */
  readonly serverUrl?: string
  /** Address that relative model addresses are resolved against, and that invite links begin with. */
  readonly pageUrl: string
  /** Models the page offers: built-in ones, the server's folder and the public catalogue. */
  readonly catalogue: readonly CatalogueEntry[]
  /** Room to join at once, from the invite link. */
  readonly invite?: string
  /** Ways in that the page's address names. */
  readonly ways?: readonly WayIn[]
}

/** The first message from a page to its worker; both ports are transferred with it. */
export interface NodeBoot {
  readonly settings: NodeSettings
  /** Which of this browser's identities the tab has claimed, from 0 on. */
  readonly slot: number
  /** The worker answers `NodeApi` calls here. */
  readonly api: MessagePort
  /** `ToPage` and `FromPage` pass here. */
  readonly links: MessagePort
}

export type { WayIn } from '../net/introducer.ts'
export type { FromPage, ToPage } from '../net/page-port.ts'

export interface LinkSettings {
  /** Asks a STUN server for this device's public address and tells it to the nodes of the room. Off until turned on. */
  readonly stun: boolean
  /** Servers that a person named, `stun:` or `turn:`; the latter with a user name and a password. */
  readonly servers: readonly IceServer[]
}

export interface CatalogueEntry {
  readonly id: string
  readonly title: string
  /** Absolute, or relative to the page (built-in models and the server's own), so that every node of a server can use it. */
  readonly url: string
  readonly origin: 'built-in' | 'server' | 'catalogue'
  readonly sizeBytes: number
  readonly sha256?: string
  readonly licence?: string
}

export type ModelInput =
  | { readonly kind: 'catalogue'; readonly id: string }
  /** A .gguf, a .safetensors, or a folder address holding config.json and model.safetensors(.index.json). */
  | { readonly kind: 'url'; readonly url: string }
  /** One GGUF, or the files of a Hugging Face folder. */
  | { readonly kind: 'files'; readonly files: readonly Blob[]; readonly names: readonly string[] }

export interface ModelEstimate {
  readonly fetchBytes: number
  readonly storeBytes: number
  readonly gpuBytes: number
  /** What the browser says is still free for this site; absent where it does not say. */
  readonly freeStorageBytes?: number
  /** Engines other than ours that could answer with it here, on the processor. */
  readonly engines: readonly EngineName[]
}

export interface LoadOptions {
  /** Positions of KV cache; default the smaller of the model's own and 2,048. */
  readonly contextLength?: number
  /** `solo` keeps every layer here; `swarm` (default while others are in the room) places them over all nodes. */
  readonly placement?: 'solo' | 'swarm'
  /** Over all nodes of the room (default), or over the fewest that are as quick; the others then stand by. */
  readonly spread?: Spread
}

export interface NodeState extends LabState {
  /** Ed25519 public key, hex. */
  readonly id: string
  readonly name: string
  readonly gpu: GpuState
  readonly server: {
    readonly url: string | null
    readonly state: 'none' | 'connecting' | 'open' | 'closed'
    readonly reason?: string
  }
  /** How nodes of a room can meet: the page's own server first, then the ways that a person set. */
  readonly ways: readonly WayState[]
  /** Ways that others of the room say they use, and this node does not. None is contacted unless a person sets it. */
  readonly offeredWays: readonly (WayIn & { readonly names: readonly string[] })[]
  readonly nearby: NearbyState
  readonly room: { readonly id: string; readonly invite: string } | null
  readonly peers: readonly PeerState[]
  /** What a person chose, and the TURN relays that the server lends now. */
  readonly links: LinkSettings & { readonly relays: readonly string[] }
  readonly models: readonly ModelState[]
  /** Where the active model's layers are; null while none is loaded. */
  readonly placement: Placement | null
  /** The engine other than ours that a person picked, and what it answers with. */
  readonly engine: EngineState | null
  /** Other nodes' models of which this one holds a part. */
  readonly held: readonly HeldModel[]
  /** Of the latest answer. */
  readonly speed: StepTiming | null
  readonly notices: readonly Notice[]
  /** What is shared with other nodes, and what passed. */
  readonly sharing: SharingState
  /** Credit, payments and logs. */
  readonly ledger: LedgerState
  /** The door for programs outside, and what passed through it. */
  readonly door: DoorState
  /** What a person lets this node take, and whether it helps others now. */
  readonly limits: LimitsState
}

export type GpuState =
  | { readonly kind: 'starting' }
  | {
      readonly kind: 'ready'
      readonly vendor: string
      readonly architecture: string
      readonly description: string
      readonly software: boolean
      readonly features: readonly string[]
      readonly maxBufferBytes: number
      /** What this node offers for weights and caches, in bytes. */
      readonly budgetBytes: number
      /** Weight bytes it was measured to read per second in decode. */
      readonly bytesPerSecond: number
    }
  | { readonly kind: 'none'; readonly reason: GpuProblem; readonly message: string; readonly remedy: string }

export type GpuProblem = 'insecure-context' | 'no-webgpu' | 'no-adapter' | 'device-lost' | 'too-small'

export interface LinkSpeed {
  readonly bytesPerSecond: number
  /** Over how many connections it went in the end. */
  readonly connections: number
}

export interface PeerState {
  readonly id: string
  readonly name: string
  readonly link: 'connecting' | 'open' | 'interrupted'
  /** Whether the link goes straight to it or through a TURN relay; null until it is known. */
  readonly path: 'direct' | 'relayed' | null
  readonly roundTripMs: number | null
  readonly light: boolean
  readonly gpu: string
  readonly budgetBytes: number
  readonly bytesPerSecond: number
  /** Models it can answer with at once. */
  readonly models: readonly { readonly id: string; readonly title: string }[]
  /** How busy it is; null until it told. */
  readonly load: {
    readonly waiting: number
    readonly running: number
    readonly tokensPerSecond: number
    readonly visibility: 'visible' | 'hidden'
  } | null
}

export interface NearbyState {
  /** Whether this device lets others on the same network be told of it. */
  readonly on: boolean
  /** Those that do too and are not in the room already. */
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly known: boolean }[]
  readonly pairing: {
    readonly id: string
    readonly name: string
    /** This node hands over its room; otherwise it is let into the other's. */
    readonly gives: boolean
    /** `asking`: the other person is asked. `asked`: this person is. `agreed`: the other device is waited for. */
    readonly stage: 'asking' | 'asked' | 'agreed' | 'code'
    /** Paired before. */
    readonly known: boolean
    /** To be read out to the other person; null on the device that it is typed into. */
    readonly code: string | null
    readonly triesLeft: number
  } | null
}

export interface WayState extends WayIn {
  /** `idle`: a broker is used only once there is a room. */
  readonly state: 'idle' | 'connecting' | 'open' | 'closed'
  readonly reason?: string
  /** Of the server that the page came from, which cannot be taken out. */
  readonly own: boolean
}

export interface ModelState {
  readonly id: string
  readonly title: string
  readonly origin: 'built-in' | 'server' | 'catalogue' | 'url' | 'file' | 'peer'
  readonly url: string | null
  readonly licence: string | null
  readonly sizeBytes: number
  readonly storedBytes: number
  readonly status: 'listed' | 'fetching' | 'loading' | 'ready' | 'failed'
  /** 0 to 1 while fetching or loading. */
  readonly progress: number
  /** Seconds left, once it can be told. */
  readonly secondsLeft: number | null
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
  readonly config: ModelConfig | null
  /** False where the model ships no chat template: it only continues a text. Absent until its headers were read. */
  readonly chat?: boolean
}

export interface Placement {
  readonly modelId: string
  readonly layers: number
  readonly stages: readonly Stage[]
}

export interface HeldModel {
  /** The node that answers with it. */
  readonly ownerId: string
  readonly title: string
  /** Of the whole model, this node's own among them. */
  readonly stages: readonly { readonly nodeId: string; readonly range: LayerRange }[]
  /** Whether this node's part is loaded. */
  readonly ready: boolean
}

export interface Stage {
  readonly nodeId: string
  readonly range: LayerRange
  readonly bytes: number
  readonly status: 'waiting' | 'loading' | 'ready' | 'lost'
  readonly progress: number
}

/** Something a person should know, with what to do about it. */
export interface Notice {
  readonly id: string
  readonly level: 'info' | 'warning' | 'error'
  readonly code: ErrorCode
  readonly message: string
}

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly seed?: number
}

export interface GenerateRequest {
  /** Chosen by the caller, so that it can stop the answer. */
  readonly requestId: string
  readonly modelId: string
  /** Raw text, or messages put through the model's chat template. */
  readonly prompt: { readonly text: string } | { readonly messages: readonly ChatMessage[] }
  readonly maxTokens: number
  readonly sampling?: SamplingOptions
  /** Goes on with an answer that ended early, as if it never had; `maxTokens` counts what is new. */
  readonly continueFrom?: KeptAnswer
  /** `digest` computes all logits of every step and reports their SHA-256, for comparing runs bit for bit. */
  readonly logits?: 'none' | 'digest'
  /** `false` goes on past end tokens (benchmarks). */
  readonly stopAtEnd?: boolean
  /** `none` makes every token a step of its own; by default drafts from the text are verified where that pays. */
  readonly drafts?: 'auto' | 'none'
  /** With these adapters, in place of those that were chosen for the model; of this node's own models only. */
  readonly adapters?: readonly ActiveGenome[]
}

/** What is kept of an answer so that it can go on, after a reload or on another node too. */
export interface KeptAnswer {
  readonly tokens: readonly number[]
  /** As far as it came. */
  readonly text: string
  /** As told with the answer's `prefill` event; without it the prompt is computed as one that nothing came before. */
  readonly path?: readonly StretchLength[] | undefined
}

export type { StretchLength } from '../hyperlink/cache-path.ts'

export type GenerateEvent =
  /** It waits its turn: so many are before it, and so fast do answers come there at present. Told anew when that changes. */
  | { readonly type: 'queue'; readonly position: number; readonly tokensPerSecond?: number }
  | {
      readonly type: 'prefill'
      readonly done: number
      readonly total: number
      /** With the first: how the prompt is computed. An answer that goes on later takes it along. */
      readonly path?: readonly StretchLength[] | undefined
    }
  /** A node was lost; the answer goes on, as if nothing had happened, when the layers are placed anew. */
  | { readonly type: 'recovery'; readonly state: 'began' | 'done'; readonly message: string }
  | {
      readonly type: 'token'
      readonly token: number
      /** May be empty while a character is unfinished. */
      readonly text: string
      readonly logitsDigest?: string
      readonly timing: StepTiming
    }

/** Where the time of one token went, in milliseconds. */
export interface StepTiming {
  readonly totalMs: number
  /** By stage of the placement, in order. */
  readonly computeMs: readonly number[]
  readonly networkMs: number
}

export interface GenerateResult {
  readonly text: string
  readonly tokens: readonly number[]
  readonly promptTokens: number
  /** Tokens of the prompt that were in the cache already. */
  readonly keptTokens?: number
  readonly finish: 'end' | 'length' | 'context' | 'cancelled'
  readonly prefillMs: number
  /** Median over the decode steps; their mean a token where drafts held. */
  readonly msPerToken: number
  /** Medians over the decode steps, by stage. */
  readonly computeMs: readonly number[]
  readonly networkMs: number
  readonly bytesSent: number
  readonly stages: readonly Stage[]
  /** Drafts handed in with steps, and how many of them brought a token; absent where another node answered. */
  readonly drafts?: { readonly handedIn: number; readonly held: number }
  /** Other nodes that computed for the answer and signed its transcript: the question and the tokens. */
  readonly signedBy?: readonly string[]
  /** The node that gave the whole answer in this one's place, and placed the layers. */
  readonly answeredBy?: string
  /** With `logits: 'digest'`, one per generated token. */
  readonly logitsDigests: readonly string[]
}
