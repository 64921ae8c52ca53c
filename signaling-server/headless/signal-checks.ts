// What of another node's signals is handed to libdatachannel at all. It is native code that parses text of strangers, so it is
// given only what has the shape that RFC 8839 and RFC 8841 ask for.

const MAX_DESCRIPTION = 16 * 1024
const MAX_CANDIDATE = 512
const CANDIDATE =
  /^candidate:[\w+/]{1,32} [1-9]\d{0,2} udp \d{1,10} (\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]{2,45}) (\d{1,5}) typ (?:host|srflx|prflx|relay)(?: |$)/i

/** One data section, with ICE credentials and a certificate's SHA-256. */
export function isUsableDescription(sdp: string): boolean {
  return (
    sdp.length <= MAX_DESCRIPTION &&
    !sdp.includes('\0') &&
    sdp.match(/^m=/gm)?.length === 1 &&
    /^m=application \d{1,5} (?:UDP\/)?DTLS\/SCTP /m.test(sdp) &&
    /^a=ice-ufrag:[\w+/]{4,256}\r?$/m.test(sdp) &&
    /^a=ice-pwd:[\w+/]{22,256}\r?$/m.test(sdp) &&
    /^a=fingerprint:sha-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}\r?$/im.test(sdp)
  )
}

/**
 * A candidate over UDP at a literal address. Names (`….local`, by which browsers hide addresses until the page may use a
 * camera) would be looked up by whoever is asked: the browser finds the way here instead, from its side.
 */
export function isUsableCandidate(candidate: string): boolean {
  if (candidate.length > MAX_CANDIDATE) return false
  const match = CANDIDATE.exec(candidate)
  return match !== null && Number(match[2]) > 0 && Number(match[2]) <= 65_535
}
