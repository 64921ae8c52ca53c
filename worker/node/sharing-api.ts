// What a page may ask of a node about sharing models and genomes with other nodes. Types only; the rules of api.ts hold.

export interface SharingApi {
  /** Takes effect at once, and is kept. */
  setSharing(settings: SharingSettings): Promise<void>
}

export interface SharingSettings {
  /** Whether other nodes are given what this browser stores. */
  readonly enabled: boolean
  /** Bytes a second that may leave; null for as fast as links go. */
  readonly bytesPerSecond: number | null
  /** Bytes of models that may be stored only because other nodes' models need them. */
  readonly keepBytes: number
}

/** Bytes since the node started. */
export interface SharedBytes {
  readonly fromPeers: number
  readonly fromOrigin: number
  readonly given: number
}

export interface SharingState extends SharingSettings, SharedBytes {
  /** Stored because other nodes' models need them. */
  readonly keptBytes: number
  /** Chunks that were not what they should be. */
  readonly refused: number
  /** By model, those of which bytes passed. */
  readonly models: readonly ({ readonly modelId: string } & SharedBytes)[]
  /** By node: what it sent and what it was given. */
  readonly peers: readonly { readonly id: string; readonly received: number; readonly given: number }[]
}
