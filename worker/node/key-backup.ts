// A backup of who this node is, sealed with a passphrase. The key of a running node cannot be read, not even by this program;
// so a backup holds a new key and this node's word, signed now, that it goes on under that key. Nobody knows of it until the
// backup is opened: then the new key revokes the old one, everyone follows, and the device that was lost can sign nothing
// that counts. The restored node writes a log of its own, so that it cannot fork the old one, which others still have.

import { encodeCanonical, decodeCanonical } from '#core/crypto/canonical.ts'
import { utf8 } from '#core/crypto/bytes.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { bytes, byteString, integer, list, signature } from '#core/protocol/fields.ts'
import { signRevocation, signRotation } from '#core/protocol/key-history.ts'
import { KEY_ROTATION } from '#core/protocol/messages/session.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { z } from 'zod/mini'
import type { KeyBook } from './key-book.ts'
import type { Surroundings } from './surroundings.ts'

export interface KeyBackup {
  /** Throws `BAD_ARGUMENT` for a passphrase that is too short, `NOT_OFFERED` where the platform cannot seal. */
  backUp(passphrase: string): Promise<Uint8Array>
  /** The node is the restored one after its next start. Throws `BAD_ARGUMENT` for a wrong passphrase or another file. */
  restore(backup: Uint8Array, passphrase: string): Promise<void>
}

const ROTATION = z.strictObject({ rotation: byteString(512), signature, successor: signature })

const BACKUP = z.strictObject({
  format: z.literal('centram key backup 1'),
  /** scrypt (RFC 7914): 128 · 2^log2n · r bytes of memory. */
  kdf: z.strictObject({ log2n: integer(10, 20), r: integer(1, 16), p: integer(1, 4), salt: bytes(16) }),
  nonce: bytes(12),
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length < 64 * 1024),
})
const SECRET = z.strictObject({
  seed: bytes(32),
  /** What led to the key that made the backup, the latest first. */
  path: list(ROTATION, 16),
  rotation: ROTATION,
})

/** 128 MiB: as much as a phone can spare for a second. */
const COST = { log2n: 17, r: 8, p: 1 }
const SHORTEST_PASSPHRASE = 12
/**
 * How far ahead the word is dated: what an old key signs after its word was given counts for nothing, and here the word waits
 * for the day that the backup is opened. From then on the revocation says since when.
 */
const FAR_AHEAD_MS = 100 * 365 * 86_400_000

type Parts = Pick<Surroundings, 'identity' | 'random' | 'wallTime' | 'aesGcm' | 'adopt'>

export function createKeyBackup(
  { identity, random, wallTime, aesGcm, adopt }: Parts,
  keys: Pick<KeyBook, 'generation' | 'pathTo' | 'learnRotation' | 'learnRevocation' | 'status'>,
  self: string,
  cost = COST,
): KeyBackup {
  const requireSealing = () => {
    if (aesGcm && adopt) return { aesGcm, adopt }
    throw new CentramError('NOT_OFFERED', 'Backups need the page over HTTPS or on localhost. Open it there.')
  }

  return {
    async backUp(passphrase) {
      const { aesGcm: cipher } = requireSealing()
      if (passphrase.length < SHORTEST_PASSPHRASE) {
        throw new CentramError('BAD_ARGUMENT', `A passphrase has at least ${SHORTEST_PASSPHRASE} characters.`)
      }
      const seed = random(32)
      const next = identityFromSeed(seed)
      const rotation = await signRotation(identity, next, keys.generation(self) + 1, wallTime() + FAR_AHEAD_MS)
      const secret = encodeCanonical({ seed, path: keys.pathTo(self).rotations, rotation })
      const kdf = { ...cost, salt: random(16) }
      const nonce = random(12)
      const sealed = await cipher.seal(await derive(passphrase, kdf), nonce, secret)
      return encodeCanonical({ format: 'centram key backup 1', kdf, nonce, sealed })
    },

    async restore(backup, passphrase) {
      const { aesGcm: cipher, adopt: keep } = requireSealing()
      const { kdf, nonce, sealed } = read(BACKUP, backup, 'This file is no backup of a key.')
      const key = await derive(passphrase, kdf)
      const opened = await cipher.open(key, nonce, sealed).catch((cause: unknown) => {
        throw new CentramError('BAD_ARGUMENT', 'The passphrase is not the one that the backup was sealed with.', {
          cause,
        })
      })
      const { seed, path, rotation } = read(SECRET, opened, 'This backup was written by another version.')
      const restored = identityFromSeed(seed)
      const { from } = readObject(KEY_ROTATION, rotation.rotation)
      for (const earlier of [...path].reverse()) await keys.learnRotation(earlier)
      await keys.learnRotation(rotation)
      const word = { key: from, successor: restored.publicKey, why: 'lost', at: wallTime() } as const
      await keys.learnRevocation(await signRevocation(restored, word))
      // Last of all: should it end before, it is begun again, and nothing has changed.
      await keep(seed)
    },
  }
}

function derive(passphrase: string, { log2n, r, p, salt }: z.infer<typeof BACKUP>['kdf']): Promise<Uint8Array> {
  // What looks the same is the same, however the keyboard composed it.
  return scryptAsync(utf8(passphrase.normalize('NFKC')), salt, { N: 2 ** log2n, r, p, dkLen: 32 })
}

function read<Schema extends z.core.$ZodType>(schema: Schema, encoded: Uint8Array, words: string): z.infer<Schema> {
  try {
    return z.parse(schema, decodeCanonical(encoded))
  } catch (cause) {
    throw new CentramError('BAD_ARGUMENT', words, { cause })
  }
}
