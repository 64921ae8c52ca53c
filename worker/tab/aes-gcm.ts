// AES-256-GCM of WebCrypto.

import type { AesGcm } from '../node/surroundings.ts'

/** Views of memory that is not shared, as WebCrypto wants them. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

export function openAesGcm(subtle: SubtleCrypto): AesGcm {
  const importKey = (key: Uint8Array, use: 'encrypt' | 'decrypt') =>
    subtle.importKey('raw', plain(key), 'AES-GCM', false, [use])
  return {
    async seal(key, iv, bytes) {
      const imported = await importKey(key, 'encrypt')
      return new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv: plain(iv) }, imported, plain(bytes)))
    },
    async open(key, iv, sealed) {
      const imported = await importKey(key, 'decrypt')
      return new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv: plain(iv) }, imported, plain(sealed)))
    },
  }
}
