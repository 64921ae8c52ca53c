// What was fetched from whom and given to whom since the node started: by content and by node.

export interface Traffic {
  readonly fromPeers: number
  readonly fromOrigin: number
  /** Given to other nodes. */
  readonly given: number
  /** That came and were refused. */
  readonly refused: number
}

export interface ContentTraffic {
  add(content: string, change: Partial<Traffic>, peer?: string): void
  ofContent(content: string): Traffic
  /** By node: `fromPeers` is what it sent, `given` what it was sent. */
  byPeer(): ReadonlyMap<string, Traffic>
  /** Over all contents. */
  total(): Traffic
}

const NONE: Traffic = { fromPeers: 0, fromOrigin: 0, given: 0, refused: 0 }

export function createContentTraffic(): ContentTraffic {
  const contents = new Map<string, Traffic>()
  const peers = new Map<string, Traffic>()
  const addTo = (map: Map<string, Traffic>, key: string, change: Partial<Traffic>) => {
    map.set(key, sum(map.get(key) ?? NONE, { ...NONE, ...change }))
  }
  return {
    add(content, change, peer) {
      addTo(contents, content, change)
      if (peer !== undefined) addTo(peers, peer, change)
    },
    ofContent: (content) => contents.get(content) ?? NONE,
    byPeer: () => peers,
    total: () => [...contents.values()].reduce(sum, NONE),
  }
}

function sum(a: Traffic, b: Traffic): Traffic {
  return {
    fromPeers: a.fromPeers + b.fromPeers,
    fromOrigin: a.fromOrigin + b.fromOrigin,
    given: a.given + b.given,
    refused: a.refused + b.refused,
  }
}
