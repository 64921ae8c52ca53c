// An RTCPeerConnection as far as negotiation goes: the operations chain, the signalling states with implicit rollback, the
// negotiation-needed flag, ICE credentials and candidates (W3C WebRTC §4.4, RFC 9429 §4.1.8 and §5). Descriptions are JSON;
// what takes time in a browser takes a random time here. Two are joined when each holds the other's credentials.

import type { PeerConnectionLike } from '../../../web/node/negotiation.ts'

export interface FakePeerConnection extends PeerConnectionLike {
  onnegotiationneeded: () => void
  onicecandidate: (candidate: string) => void
  readonly rollbacks: number
  /** Credentials in force on both sides, and whether a candidate of the other side is known for them. */
  readonly agreed: { readonly local: string; readonly remote: string; readonly reachable: boolean } | null
}

export interface Surroundings {
  /** A random whole number below `below`. */
  readonly random: (below: number) => number
  readonly sleep: (milliseconds: number) => Promise<void>
}

interface FakeDescription {
  readonly type: 'offer' | 'answer'
  readonly ufrag: string
  readonly candidates: string[]
}

export function createFakePeerConnection(name: string, { random, sleep }: Surroundings): FakePeerConnection {
  let state: RTCSignalingState = 'stable'
  let currentLocal: FakeDescription | null = null
  let pendingLocal: FakeDescription | null = null
  let currentRemote: FakeDescription | null = null
  let pendingRemote: FakeDescription | null = null
  const remoteCandidates = new Set<string>()
  let toReplace: readonly string[] = []
  let generations = 0
  let rollbacks = 0
  let needed = false

  let chain: Promise<unknown> = Promise.resolve()
  let chained = 0
  let updateWhenEmpty = true

  function enqueue(operation: () => Promise<void>): Promise<void> {
    chained++
    const done = chain.then(operation)
    const empty = () => {
      chained--
      if (chained === 0 && updateWhenEmpty) {
        updateWhenEmpty = false
        updateNeeded()
      }
    }
    chain = done.then(empty, empty)
    return done
  }

  function updateNeeded(): void {
    if (chained > 0) {
      updateWhenEmpty = true
      return
    }
    void sleep(0).then(() => {
      if (chained > 0) {
        updateWhenEmpty = true
        return
      }
      if (state !== 'stable') return
      // The data channel is there from the beginning.
      if (currentLocal !== null && toReplace.length === 0) needed = false
      else if (!needed) {
        needed = true
        pc.onnegotiationneeded()
      }
    })
  }

  const isNew = (ufrag: string) => currentLocal?.ufrag !== ufrag && pendingLocal?.ufrag !== ufrag

  function gather(description: FakeDescription): void {
    for (let count = 1 + random(3); count > 0; count--) {
      const candidate = `${description.ufrag} ${count}`
      void sleep(1 + random(60)).then(() => {
        // The candidates of what was rolled back are no longer told.
        if (isNew(description.ufrag)) return
        description.candidates.push(candidate)
        pc.onicecandidate(candidate)
      })
    }
  }

  function toStable(): void {
    state = 'stable'
    pendingLocal = null
    pendingRemote = null
    if (currentLocal && !toReplace.includes(currentLocal.ufrag)) toReplace = []
    needed = false
    updateNeeded()
  }

  async function setLocal(description?: { type: 'rollback' }): Promise<void> {
    if (description) {
      if (state === 'stable') throw new Error('InvalidStateError: nothing to roll back')
      await sleep(random(4))
      rollbacks++
      toStable()
      return
    }
    const fresh = () => `${name}${++generations}`
    const answers = state === 'have-remote-offer'
    await sleep(1 + random(12))
    if (answers) {
      const offer = pendingRemote as FakeDescription
      const restarted = offer.ufrag !== currentRemote?.ufrag
      const ufrag = restarted || !currentLocal ? fresh() : currentLocal.ufrag
      const before = isNew(ufrag)
      currentLocal = { type: 'answer', ufrag, candidates: before ? [] : [...(currentLocal?.candidates ?? [])] }
      currentRemote = offer
      toStable()
      if (before) gather(currentLocal)
    } else {
      const ufrag = toReplace.length > 0 || !currentLocal ? fresh() : currentLocal.ufrag
      const before = isNew(ufrag)
      pendingLocal = { type: 'offer', ufrag, candidates: before ? [] : [...(currentLocal?.candidates ?? [])] }
      state = 'have-local-offer'
      if (before) gather(pendingLocal)
    }
  }

  async function setRemote({ type, sdp }: { type: 'offer' | 'answer'; sdp: string }): Promise<void> {
    if (type === 'answer' && state !== 'have-local-offer') throw new Error(`InvalidStateError: an answer in ${state}`)
    await sleep(1 + random(12))
    const description = JSON.parse(sdp) as FakeDescription
    for (const candidate of description.candidates) remoteCandidates.add(candidate)
    if (type === 'offer') {
      if (state === 'have-local-offer') {
        rollbacks++
        pendingLocal = null
      }
      pendingRemote = description
      state = 'have-remote-offer'
    } else {
      currentLocal = pendingLocal
      currentRemote = description
      toStable()
    }
  }

  async function addCandidate(candidate: string): Promise<void> {
    if (!currentRemote && !pendingRemote) throw new Error('InvalidStateError: no remote description')
    await sleep(random(3))
    const [ufrag] = candidate.split(' ')
    if (ufrag !== currentRemote?.ufrag && ufrag !== pendingRemote?.ufrag) {
      throw new Error('OperationError: a candidate of other credentials')
    }
    remoteCandidates.add(candidate)
  }

  const told = (description: FakeDescription | null) =>
    description && { type: description.type, sdp: JSON.stringify(description) }

  const pc: FakePeerConnection = {
    onnegotiationneeded: () => undefined,
    onicecandidate: () => undefined,
    get signalingState() {
      return state
    },
    get localDescription() {
      return told(pendingLocal ?? currentLocal)
    },
    get currentLocalDescription() {
      return told(currentLocal)
    },
    get currentRemoteDescription() {
      return told(currentRemote)
    },
    setLocalDescription: (description) => enqueue(() => setLocal(description)),
    setRemoteDescription: (description) => enqueue(() => setRemote(description)),
    addIceCandidate: ({ candidate }) => enqueue(() => addCandidate(candidate)),
    restartIce() {
      toReplace = [currentLocal, pendingLocal].flatMap((description) => (description ? [description.ufrag] : []))
      updateNeeded()
    },
    get rollbacks() {
      return rollbacks
    },
    get agreed() {
      if (state !== 'stable' || !currentLocal || !currentRemote) return null
      const { ufrag } = currentRemote
      const reachable = [...remoteCandidates].some((candidate) => candidate.startsWith(`${ufrag} `))
      return { local: currentLocal.ufrag, remote: ufrag, reachable }
    },
  }
  updateNeeded()
  return pc
}
