// The identity of a headless node: 32 secret bytes in a file that only its user may read, in hexadecimal.

import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { importIdentity, openIdentity, type Ed25519Subtle, type Identity } from '#core/crypto/identity.ts'
import { CentramError, errorMessage } from '#core/errors.ts'

export interface KeyFileOptions {
  readonly path: string
  readonly subtle: Ed25519Subtle | undefined
  readonly random: (length: number) => Uint8Array
  /** Something a person should know of. */
  readonly warn: (what: string) => void
}

const SEED_BYTES = 32
const READABLE_BY_OTHERS = 0o077

/** The identity in the file; a new one where there is no file yet. Throws `STORAGE_UNAVAILABLE` for one that is damaged. */
export async function openKeyFile(options: KeyFileOptions): Promise<Identity> {
  const kept = readSeed(options)
  if (kept) return identityOf(kept, options.subtle)
  const made = options.random(SEED_BYTES)
  writeSeed(options.path, made)
  return identityOf(made, options.subtle)
}

/** An identity that the file holds once it is kept; until then a restart finds the present one. */
export async function prepareSuccessor(options: KeyFileOptions) {
  const made = options.random(SEED_BYTES)
  return { identity: await identityOf(made, options.subtle), keep: async () => writeSeed(options.path, made) }
}

/** The node goes by the identity of those 32 secret bytes from its next start on. */
export async function adoptSeed({ path, subtle }: Pick<KeyFileOptions, 'path' | 'subtle'>, seed: Uint8Array) {
  const identity = await identityOf(seed, subtle)
  writeSeed(path, seed)
  return identity
}

async function identityOf(seed: Uint8Array, subtle: Ed25519Subtle | undefined): Promise<Identity> {
  return openIdentity(await importIdentity(seed, subtle), subtle)
}

function readSeed({ path, warn }: KeyFileOptions): Uint8Array | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw unusable(path, errorMessage(error))
  }
  if (process.platform !== 'win32' && (statSync(path).mode & READABLE_BY_OTHERS) !== 0) {
    chmodSync(path, 0o600)
    warn(
      `Other users could read the key of this node in ${path}; now they cannot. If one may have, give the node a new key.`,
    )
  }
  const seed = fromHex(text.trim())
  // Never made anew over what is there: it may be all that is left of somebody's credit.
  if (seed?.length !== SEED_BYTES) throw unusable(path, 'it holds no 64 hexadecimal digits')
  return seed
}

function unusable(path: string, why: string): CentramError {
  return new CentramError(
    'STORAGE_UNAVAILABLE',
    `The key of this node in ${path} cannot be used: ${why}. Put a backup of the file in its place, or move it away to start as ` +
      'a new node.',
  )
}

/** The whole key or the one before it, whenever the machine stops. */
function writeSeed(path: string, seed: Uint8Array): void {
  const next = `${path}.next`
  const file = openSync(next, 'w', 0o600)
  try {
    writeSync(file, `${toHex(seed)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(next, path)
  if (process.platform === 'win32') return
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
