// What a node shares with others and what it may cost: joins the exchange, the stored models and the limits a person set, and says
// what passed. Wiring only.

import { leafInput } from '#core/content/chunk-tree.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { Timer } from '#core/clock.ts'
import type { Swarm } from '../net/swarm.ts'
import { createContentExchange, type ContentExchange } from './content-exchange.ts'
import { handleContent } from './handlers/content.ts'
import { createKeptModels, type KeptModels } from './kept-models.ts'
import { createModelContents, type ModelContents } from './model-contents.ts'
import type { ModelLibrary } from './model-library.ts'
import type { SharingApi, SharingSettings, SharingState } from './sharing-api.ts'
import type { Surroundings } from './surroundings.ts'

const DEFAULTS: SharingSettings = { enabled: true, bytesPerSecond: null, keepBytes: 8e9 }
export const NOTHING_SHARED: SharingState = {
  ...DEFAULTS,
  keptBytes: 0,
  fromPeers: 0,
  fromOrigin: 0,
  given: 0,
  refused: 0,
  models: [],
  peers: [],
}
const SETTING = 'sharing'
const SHOW_MS = 500

export interface Sharing {
  readonly exchange: ContentExchange
  readonly contents: ModelContents
  readonly kept: KeptModels
  readonly api: SharingApi
  limits(): SharingSettings
  /** Bytes came from the address of a file, kept under that key. */
  onFetched(key: string, bytes: number): void
  start(): Promise<void>
  close(): void
}

export function createSharing(
  surroundings: Surroundings,
  swarm: Swarm,
  library: () => Pick<ModelLibrary, 'list' | 'storedFiles'>,
  onChange: (sharing: SharingState) => void,
): Sharing {
  const { records, clock } = surroundings
  let settings = DEFAULTS
  let showing: Timer | null = null
  const digest = surroundings.sha256 ?? (async (bytes: Uint8Array) => sha256(bytes))
  const hash = (chunk: Uint8Array) => digest(leafInput(chunk))
  const kept = createKeptModels(records, () => surroundings.wallTime())

  const showSoon = () => {
    showing ??= clock.setTimeout(() => {
      showing = null
      onChange(describe())
    }, SHOW_MS)
  }
  const exchange = createContentExchange({
    swarm,
    clock,
    limits: () => settings,
    find: (id) => contents.find(id),
    hash,
    onTraffic: showSoon,
  })
  const contents = createModelContents({ ...surroundings, exchange: () => exchange, hash, onLearned: showSoon })
  handleContent(swarm, exchange)

  function describe(): SharingState {
    const { traffic } = exchange
    const models = library()
      .list()
      .map(({ id }) => {
        const files = library().storedFiles(id)
        const names = [contents.idOf(files), ...files.map(({ key }) => key)].filter((name) => name !== undefined)
        const parts = names.map((name) => traffic.ofContent(name))
        const sum = (of: 'fromPeers' | 'fromOrigin' | 'given') => parts.reduce((total, part) => total + part[of], 0)
        return { modelId: id, fromPeers: sum('fromPeers'), fromOrigin: sum('fromOrigin'), given: sum('given') }
      })
      .filter(({ fromPeers, fromOrigin, given }) => fromPeers + fromOrigin + given > 0)
    const peers = [...traffic.byPeer()].map(([id, { fromPeers, given }]) => ({ id, received: fromPeers, given }))
    return { ...settings, ...traffic.total(), keptBytes: kept.bytes(), models, peers }
  }

  return {
    exchange,
    contents,
    kept,
    limits: () => settings,
    onFetched(key, bytes) {
      exchange.traffic.add(key, { fromOrigin: bytes })
      showSoon()
    },
    api: {
      async setSharing(wanted) {
        settings = checked(wanted)
        await records.put('settings', SETTING, settings)
        exchange.onLimits()
        onChange(describe())
      },
    },
    async start() {
      await kept.start()
      const stored = await records.get('settings', SETTING)
      if (stored !== undefined) settings = { ...DEFAULTS, ...(stored as Partial<SharingSettings>) }
      await contents.start()
      onChange(describe())
    },
    close() {
      clock.clearTimeout(showing ?? undefined)
      exchange.close()
    },
  }
}

function checked({ enabled, bytesPerSecond, keepBytes }: SharingSettings): SharingSettings {
  const isRate = bytesPerSecond === null || (Number.isFinite(bytesPerSecond) && bytesPerSecond >= 1024)
  if (isRate && Number.isFinite(keepBytes) && keepBytes >= 0) return { enabled, bytesPerSecond, keepBytes }
  throw new CentramError(
    'BAD_ARGUMENT',
    'Give an upload rate of at least 1 KB a second, and an amount of storage from 0 on.',
  )
}
