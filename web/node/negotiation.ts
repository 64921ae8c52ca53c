// Perfect negotiation of one connection (W3C WebRTC §10.7, RFC 9429 §4.1.8.2): which offer counts when two cross, which
// answer belongs to which offer, and what is said again when nothing comes back. Signals may come late or not at all, but
// those of one side never overtake one another.
//
// Two things are added to the pattern of the specification. Offers are numbered and answers name theirs, since an answer
// that was said twice would otherwise be taken for one to the next offer. And an offer whose answer stays away is repeated
// as it is: the other side, if it did answer, only repeats its answer.

import type { Clock } from '#core/clock.ts'
import type { FromPage } from '../../worker/node/api.ts'

/** What is used of RTCPeerConnection. */
export interface PeerConnectionLike {
  readonly signalingState: RTCSignalingState
  readonly localDescription: Description | null
  readonly currentLocalDescription: Description | null
  readonly currentRemoteDescription: Description | null
  /** Without an argument: an offer, or the answer to the remote offer. */
  setLocalDescription(description?: { type: 'rollback' }): Promise<void>
  setRemoteDescription(description: { type: 'offer' | 'answer'; sdp: string }): Promise<void>
  addIceCandidate(candidate: { candidate: string; sdpMid: string | null; sdpMLineIndex: number | null }): Promise<void>
  restartIce(): void
}

interface Description {
  readonly type: RTCSdpType
  readonly sdp: string
}

export type Signal = Extract<FromPage, { type: 'signal' }>['signal']

export interface NegotiationOptions {
  readonly pc: PeerConnectionLike
  /** Its offer gives way where two cross. */
  readonly polite: boolean
  /** Makes the very first offer; the other side only offers once it was offered something. */
  readonly begins: boolean
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>
  readonly send: (signal: Signal) => void
  /** Refuses a description before it counts: the caller ends the connection then. */
  readonly refuses: (sdp: string) => boolean
  /** A signal that could not be used. Nothing to do: what matters is said again. */
  readonly warn: (what: string, error: unknown) => void
}

export interface Negotiation {
  /** For the connection's `negotiationneeded`. */
  needed(): void
  take(signal: Signal): void
  /** Looks for a new path, by an offer with new ICE credentials or by asking for the missing answer again. */
  restart(): void
  stop(): void
}

/** An unanswered offer is repeated after this time, then after twice of it and so on. */
const FIRST_REPEAT_MS = 2_000
const LAST_REPEAT_MS = 8_000
/** An older offer may name addresses that this side no longer has: a restart makes a new one. */
const STALE_OFFER_MS = 10_000

export function createNegotiation(options: NegotiationOptions): Negotiation {
  const { pc, polite, clock } = options
  let making = false
  let ignoring = false
  let stopped = false
  /** Number of this side's latest offer, and when it was made. */
  let offered = 0
  let offeredAt = 0
  /** Number of the other side's offer that was answered last. */
  let answered = 0
  let repeatTimer: ReturnType<Clock['setTimeout']> | undefined
  /** Signals are taken one after another. */
  let queue = Promise.resolve()

  const send = (description: Description | null, offer: number) => {
    if (stopped || description === null || (description.type !== 'offer' && description.type !== 'answer')) return
    options.send({ kind: 'description', type: description.type, sdp: description.sdp, offer })
  }

  const sendOffer = (pause = FIRST_REPEAT_MS) => {
    send(pc.localDescription, offered)
    clock.clearTimeout(repeatTimer)
    repeatTimer = clock.setTimeout(() => {
      if (!stopped && pc.signalingState === 'have-local-offer') sendOffer(Math.min(LAST_REPEAT_MS, 2 * pause))
    }, pause)
  }

  const offer = async () => {
    if (stopped || (!options.begins && pc.currentRemoteDescription === null)) return
    try {
      making = true
      await pc.setLocalDescription()
      if (pc.signalingState !== 'have-local-offer') return
      offered++
      offeredAt = clock.now()
      sendOffer()
    } catch (error) {
      if (!stopped) options.warn('no offer could be made', error)
    } finally {
      making = false
    }
  }

  const takeOffer = async (sdp: string, number: number) => {
    if (number === answered) {
      // Its answer was lost or is on its way. An offer of ours that crossed this one was ignored then: both again.
      if (pc.currentLocalDescription?.type !== 'answer') return
      send(pc.currentLocalDescription, answered)
      if (pc.signalingState === 'have-local-offer') sendOffer()
      return
    }
    ignoring = !polite && (making || pc.signalingState === 'have-local-offer')
    if (ignoring) return
    // In a glare this rolls the polite side's own offer back.
    await pc.setRemoteDescription({ type: 'offer', sdp })
    await pc.setLocalDescription()
    answered = number
    send(pc.localDescription, number)
  }

  const takeAnswer = async (sdp: string, number: number) => {
    if (pc.signalingState !== 'have-local-offer' || number !== offered) return
    ignoring = false
    await pc.setRemoteDescription({ type: 'answer', sdp })
  }

  const takeSignal = async (signal: Signal) => {
    if (stopped) return
    try {
      if (signal.kind === 'candidate') {
        const { candidate, mid, line } = signal
        await pc.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line })
      } else if (!options.refuses(signal.sdp)) {
        if (signal.type === 'offer') await takeOffer(signal.sdp, signal.offer)
        else if (signal.type === 'answer') await takeAnswer(signal.sdp, signal.offer)
      }
    } catch (error) {
      // Candidates of an offer that was ignored fit nothing here.
      if (!ignoring && !stopped) options.warn(`a signal was not used (${signal.kind})`, error)
    }
  }

  const startAfresh = async () => {
    try {
      await pc.setLocalDescription({ type: 'rollback' })
    } catch {
      // Answered, or rolled back for the other side's offer, in this very moment.
    }
    if (!stopped) pc.restartIce()
  }

  return {
    needed: () => void offer(),
    take(signal) {
      queue = queue.then(() => takeSignal(signal))
    },
    restart() {
      if (stopped) return
      if (pc.signalingState !== 'have-local-offer') pc.restartIce()
      else if (pc.currentRemoteDescription !== null && clock.now() - offeredAt >= STALE_OFFER_MS) void startAfresh()
      else sendOffer()
    },
    stop() {
      stopped = true
      clock.clearTimeout(repeatTimer)
    },
  }
}
