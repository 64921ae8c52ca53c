// A made-up node behind the page's API, to see how the demo takes what a real one should never do. The scenario is the
// address's query; it says what goes wrong in the split run.

const scenario = new URLSearchParams(location.search).get('scenario')
const isGuest = location.hash !== ''
const listeners = []
const state = {
  id: isGuest ? 'guest-node' : 'host-node',
  name: 'fake',
  gpu: { kind: 'ready', vendor: 'fake', architecture: '', description: 'no GPU at all' },
  server: { url: null, state: 'none' },
  room: null,
  peers: [],
  models: [],
  placement: null,
  notices: [],
}
if (scenario === 'no-gpu') {
  state.gpu = { kind: 'none', reason: 'no-adapter', message: 'There is no GPU.', remedy: 'Buy one.' }
}
const change = (changes) => {
  Object.assign(state, changes)
  for (const listener of listeners) listener(structuredClone(state))
}
const coded = (code, message) => Object.assign(new Error(message), { code })
const stage = (nodeId, first, last) => ({ nodeId, range: { first, last }, bytes: 1000, status: 'ready', progress: 1 })
let placement = 'solo'

const api = {
  async watch(listener) {
    listeners.push(listener)
    listener(structuredClone(state))
  },
  async addModel(input) {
    if (scenario === 'bad-file') throw coded('FORMAT_TRUNCATED', `${input.id}: the file ends at byte 12.`)
    const config = { width: 8, layers: 4 }
    change({ models: [{ id: 'fake-model', title: 'Fake', status: 'listed', progress: 0, sizeBytes: 4000, config }] })
    return 'fake-model'
  },
  async loadModel(_modelId, options) {
    placement = options.placement
    const stages =
      placement === 'solo' || scenario === 'one-holder'
        ? [stage('host-node', 0, 4)]
        : [stage('host-node', 0, 2), stage('guest-node', 2, 4)]
    change({ placement: { modelId: 'fake-model', layers: 4, stages } })
  },
  async share() {
    if (scenario !== 'nobody-comes') {
      const peer = { id: 'guest-node', name: 'guest', link: 'open', light: false, gpu: 'fake', budgetBytes: 1 }
      setTimeout(() => change({ peers: [peer] }), 100)
    }
    return `${location.href}#invite`
  },
  async generate(request, listener) {
    const split = placement === 'swarm'
    if (split && scenario === 'stall') await new Promise(() => undefined)
    if (split && scenario === 'peer-left') throw coded('PEER_LEFT', 'fake left; its layers 2 to 4 are gone.')
    const tokens = Array.from({ length: request.maxTokens }, (_, index) => 97 + index)
    if (split && scenario === 'other-token') tokens[2] = 42
    const timing = { totalMs: 1, computeMs: split ? [0.25, 0.25] : [0.5], networkMs: split ? 0.5 : 0 }
    for (const token of tokens) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      listener({ type: 'token', token, text: String.fromCharCode(token), timing })
    }
    return {
      text: String.fromCharCode(...tokens),
      tokens,
      promptTokens: 3,
      finish: 'length',
      prefillMs: 2,
      msPerToken: 1,
      computeMs: timing.computeMs,
      networkMs: timing.networkMs,
      bytesSent: split ? 100 : 0,
      stages: state.placement.stages,
      logitsDigests: tokens.map((token) => `${token}${split && scenario === 'other-bits' && token === 98 ? '!' : ''}`),
    }
  },
}

if (scenario === 'broken-page') throw new Error('the page is broken')
globalThis.centram = api
