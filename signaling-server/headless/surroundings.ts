// What a headless node is given in place of a tab: storage in a folder, a key in a file, a GPU by Dawn, links by
// libdatachannel.

import { randomBytes, webcrypto } from 'node:crypto'
import { totalmem } from 'node:os'
import { createVerifier, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import { systemClock } from '../../worker/net/clock.ts'
import type { NodeSettings } from '../../worker/node/api.ts'
import type { Surroundings } from '../../worker/node/surroundings.ts'
import { openAesGcm } from '../../worker/tab/aes-gcm.ts'
import type { DataFolder } from './data-folder.ts'
import { openHeadlessGpu, type GpuChoice } from './dawn.ts'
import { openFileBlobs } from './file-blobs.ts'
import { adoptSeed, openKeyFile, prepareSuccessor } from './key-file.ts'
import { createLocks } from './locks.ts'
import { createRtcTransport, type NativeConfiguration, type NativeConnection } from './rtc-transport.ts'
import { openSqliteRecords } from './sqlite-records.ts'
import { connectWebSocket } from './web-socket.ts'

export interface HeadlessOptions {
  readonly settings: NodeSettings
  readonly folder: DataFolder
  readonly gpu: GpuChoice
  /** Of models and genomes together. */
  readonly storeBytes: number
  readonly warn: (what: string) => void
}

export interface HeadlessSurroundings extends Surroundings {
  close(): void
}

interface LinkModule {
  readonly PeerConnection: new (name: string, configuration: NativeConfiguration) => NativeConnection
  initLogger(level: 'Error', listener: (level: string, message: string) => void): void
}

/** Throws `STORAGE_UNAVAILABLE`, and `LINK_FAILED` where there is nothing to make links with. */
export async function openHeadless(options: HeadlessOptions): Promise<HeadlessSurroundings> {
  const { folder, settings, warn } = options
  const subtle = webcrypto.subtle as unknown as Ed25519Subtle
  const random = (length: number) => new Uint8Array(randomBytes(length))
  const key = { path: folder.file('identity.key'), subtle, random, warn }
  const module = await loadLinks()
  // Its complaints are of single connections, which are told where they matter.
  module.initLogger('Error', () => undefined)
  const identity = await openKeyFile(key)
  const records = openSqliteRecords(folder.file('records.sqlite'))
  return {
    settings,
    identity,
    successor: () => prepareSuccessor(key),
    adopt: (seed) => adoptSeed(key, seed),
    aesGcm: openAesGcm(webcrypto.subtle as SubtleCrypto),
    verifier: await createVerifier(subtle),
    openGpu: () => openHeadlessGpu(options.gpu),
    deviceMemoryBytes: totalmem(),
    transport: createRtcTransport({
      clock: systemClock,
      connect: (name, configuration) => new module.PeerConnection(name, configuration),
      warn: () => undefined,
    }),
    connect: connectWebSocket,
    records,
    blobs: await openFileBlobs({ folder: folder.file('models'), limitBytes: options.storeBytes }),
    withLock: createLocks(),
    fetch: (url, init) => fetch(url, init),
    clock: systemClock,
    wallTime: () => Math.round(performance.timeOrigin + performance.now()),
    random,
    sha256: async (bytes) => new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes)),
    close: () => records.close(),
  }
}

/** Throws `LINK_FAILED`. */
export async function loadLinks(): Promise<LinkModule> {
  try {
    return await import('node-datachannel')
  } catch (cause) {
    throw new CentramError(
      'LINK_FAILED',
      'A headless node makes its links with the optional package "node-datachannel", which could not be loaded ' +
        `(${errorMessage(cause).split('\n')[0]}). Run \`npm ci --include=optional\` in the project’s folder.`,
      { cause },
    )
  }
}
