// What a page, the demo and the tests may ask of a node. Types only. Calls cross a MessagePort (Comlink): arguments and
// results are structured-cloneable, listeners are proxies, and an error keeps its `code`.

import type { ErrorCode } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'
import type { LabApi, LabState } from './lab-api.ts'

export interface NodeApi extends LabApi {
  /** Sends the present state and every later one; the listener is dropped when its port closes. */
  watch(listener: (state: NodeState) => void): Promise<void>
  rename(name: string): Promise<void>

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

  /** Opens a room (or names the present one) and returns the invite link for another browser. */
  share(): Promise<string>
  join(inviteOrRoom: string): Promise<void>
  leave(): Promise<void>

  /** Answers one request; tokens arrive at `listener` as they are made. */
  generate(request: GenerateRequest, listener: (event: GenerateEvent) => void): Promise<GenerateResult>
  /** Ends an answer early; its `generate` resolves with finish `cancelled`. */
  stop(requestId: string): Promise<void>
}

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

export type { FromPage, ToPage } from '../net/page-port.ts'

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
}

export interface LoadOptions {
  /** Positions of KV cache; default the smaller of the model's own and 2,048. */
  readonly contextLength?: number
  /** `solo` keeps every layer here; `swarm` (default while others are in the room) places them over all nodes. */
  readonly placement?: 'solo' | 'swarm'
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
  readonly room: { readonly id: string; readonly invite: string } | null
  readonly peers: readonly PeerState[]
  readonly models: readonly ModelState[]
  /** Where the active model's layers are; null while none is loaded. */
  readonly placement: Placement | null
  /** Other nodes' models of which this one holds a part. */
  readonly held: readonly HeldModel[]
  /** Of the latest answer. */
  readonly speed: StepTiming | null
  readonly notices: readonly Notice[]
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

export interface PeerState {
  readonly id: string
  readonly name: string
  readonly link: 'connecting' | 'open' | 'interrupted'
  readonly roundTripMs: number | null
  readonly light: boolean
  readonly gpu: string
  readonly budgetBytes: number
  readonly bytesPerSecond: number
  /** Models it can answer with at once. */
  readonly models: readonly { readonly id: string; readonly title: string }[]
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
  /** `digest` computes all logits of every step and reports their SHA-256, for comparing runs bit for bit. */
  readonly logits?: 'none' | 'digest'
  /** `false` goes on past end tokens (benchmarks). */
  readonly stopAtEnd?: boolean
}

export type GenerateEvent =
  | { readonly type: 'prefill'; readonly done: number; readonly total: number }
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
  readonly finish: 'end' | 'length' | 'context' | 'cancelled'
  readonly prefillMs: number
  /** Median over the decode steps. */
  readonly msPerToken: number
  /** Medians over the decode steps, by stage. */
  readonly computeMs: readonly number[]
  readonly networkMs: number
  readonly bytesSent: number
  readonly stages: readonly Stage[]
  /** With `logits: 'digest'`, one per generated token. */
  readonly logitsDigests: readonly string[]
}
