// Takes this device's public address out of what is told to other nodes. A TURN server tells it to the browser unasked, and
// the browser would pass it on as a candidate of its own ("srflx"), as the origin of a relayed one ("raddr"), and in the
// description's "c=" line, which nobody reads where there is ICE (RFC 8839 §5.1, RFC 8840).

/** One `candidate:` attribute; null where nothing is left of it. */
export function hidePublicAddress(candidate: string): string | null {
  if (/ typ (srflx|prflx)( |$)/.test(candidate)) return null
  return candidate.replace(/ raddr \S+ rport \d+/, ' raddr 0.0.0.0 rport 0')
}

export function hidePublicAddressIn(sdp: string): string {
  return sdp
    .split('\r\n')
    .flatMap((line) => {
      if (line.startsWith('a=candidate:')) return hidePublicAddress(line) ?? []
      return line.startsWith('c=IN ') ? 'c=IN IP4 0.0.0.0' : line
    })
    .join('\r\n')
}
