// Reads the SHA-256 fingerprint of a DTLS certificate out of a session description (RFC 8122 §5).

/** 32 bytes, or undefined where the description names none. */
export function readFingerprint(sdp: string | undefined): Uint8Array | undefined {
  const match = /^a=fingerprint:sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\s*$/im.exec(sdp ?? '')
  const hex = match?.[1]
  return hex === undefined ? undefined : Uint8Array.from(hex.split(':'), (pair) => Number.parseInt(pair, 16))
}

export function sameFingerprint(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index])
}
