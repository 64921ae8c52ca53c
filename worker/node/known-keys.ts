// Keys of devices that this one was paired with, so that they need no code again.

import { toHex } from '#core/crypto/bytes.ts'
import type { Records } from '../storage/records.ts'

const MAX_KNOWN = 64

export interface KnownKeys {
  start(): Promise<void>
  has(key: Uint8Array): boolean
  add(key: Uint8Array, name: string): Promise<void>
}

export function createKnownKeys(records: Records, self: string): KnownKeys {
  const place = `known/${self}`
  let known: readonly { readonly id: string; readonly name: string }[] = []
  return {
    async start() {
      const kept = await records.get('settings', place)
      if (!Array.isArray(kept)) return
      known = kept.flatMap((entry: unknown) => {
        const { id, name } = (entry ?? {}) as Record<string, unknown>
        return typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) && typeof name === 'string' ? [{ id, name }] : []
      })
    },
    has(key) {
      const id = toHex(key)
      return known.some((one) => one.id === id)
    },
    async add(key, name) {
      const id = toHex(key)
      known = [...known.filter((one) => one.id !== id), { id, name }].slice(-MAX_KNOWN)
      await records.put('settings', place, known)
    },
  }
}
