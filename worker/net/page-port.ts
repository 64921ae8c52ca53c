// What the page and its worker say to each other about links. The page owns the RTCPeerConnections (a worker has none), the
// worker everything else; the channel of each link crosses over by transfer. Types only.

import type { IceServer } from '#core/ice-servers.ts'
import type { LinkOptions, LinkPath, LinkSignal, LinkState } from './link-transport.ts'

/** From the worker to the page. */
export type ToPage =
  | { readonly type: 'open'; readonly link: string; readonly options: LinkOptions }
  | { readonly type: 'signal'; readonly link: string; readonly signal: LinkSignal }
  | { readonly type: 'restart-ice'; readonly link: string }
  | { readonly type: 'close'; readonly link: string }
  | { readonly type: 'servers'; readonly servers: readonly IceServer[]; readonly tellAddress: boolean }

/** From the page to the worker. */
export type FromPage =
  | { readonly type: 'signal'; readonly link: string; readonly signal: LinkSignal }
  | {
      readonly type: 'channel'
      readonly link: string
      /** The data channel itself, still connecting, or a port that the page relays to it. */
      readonly via: RTCDataChannel | MessagePort
    }
  | {
      readonly type: 'connected'
      readonly link: string
      /** SHA-256 of the two DTLS certificates as negotiated, 32 bytes each. */
      readonly localFingerprint: Uint8Array
      readonly remoteFingerprint: Uint8Array
    }
  | { readonly type: 'state'; readonly link: string; readonly state: LinkState; readonly reason?: string }
  | { readonly type: 'path'; readonly link: string; readonly path: LinkPath }
