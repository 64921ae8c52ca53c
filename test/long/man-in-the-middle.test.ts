// Somebody between two tabs who ends both encrypted halves of their link himself and passes on every message: a page that answers
// each of them with a connection of its own. The greeting signs both certificates, so the link never opens, and no message but
// those of the greeting is ever said. Left alone, the same two tabs link.

import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

type Side = 'ada' | 'ben'
const otherOf = (side: Side): Side => (side === 'ada' ? 'ben' : 'ada')

/** What the page in the middle offers to whoever drives it. */
interface Middle {
  offerTo(side: Side): Promise<string>
  answerTo(side: Side, offer: string): Promise<string>
  accept(side: Side, answer: string): Promise<void>
  candidate(side: Side, candidate: RTCIceCandidateInit): Promise<void>
  /** Type bytes of the frames that were passed on, by who said them. */
  readonly heard: Record<Side, number[]>
}

declare global {
  var middle: Middle
}

let server: RunningServer
let browser: Browser
let between: Page
let isBetween = true
const offers: Partial<Record<Side, string>> = {}

beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser({ gpu: false })
  between = await (await browser.newContext()).newPage()
  await between.goto(server.url)
  await between.evaluate(installMiddle)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

/** Runs in the page in the middle. */
function installMiddle(): void {
  type Half = { pc: RTCPeerConnection; channel: RTCDataChannel; waiting: RTCIceCandidateInit[] }
  const halves: Partial<Record<Side, Half>> = {}
  const heard: Record<Side, number[]> = { ada: [], ben: [] }
  const make = (side: Side): Half => {
    halves[side]?.pc.close()
    const pc = new RTCPeerConnection()
    const channel = pc.createDataChannel('centram', { negotiated: true, id: 0 })
    channel.binaryType = 'arraybuffer'
    const unsent: ArrayBuffer[] = []
    const other = side === 'ada' ? 'ben' : 'ada'
    const flush = () => {
      const to = halves[other]?.channel
      while (to?.readyState === 'open' && unsent.length > 0) to.send(unsent.shift() as ArrayBuffer)
      if (unsent.length > 0) setTimeout(flush, 20)
    }
    channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      heard[side].push(new Uint8Array(data)[5] as number)
      unsent.push(data)
      flush()
    }
    const half = { pc, channel, waiting: [] }
    halves[side] = half
    return half
  }
  const gathered = async ({ pc }: Half): Promise<string> => {
    while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 20))
    return pc.localDescription?.sdp ?? ''
  }
  const addWaiting = async (half: Half) => {
    for (const candidate of half.waiting.splice(0)) await half.pc.addIceCandidate(candidate).catch(() => undefined)
  }
  globalThis.middle = {
    heard,
    async offerTo(side) {
      const half = make(side)
      await half.pc.setLocalDescription(await half.pc.createOffer())
      return gathered(half)
    },
    async answerTo(side, offer) {
      const half = make(side)
      await half.pc.setRemoteDescription({ type: 'offer', sdp: offer })
      await half.pc.setLocalDescription(await half.pc.createAnswer())
      await addWaiting(half)
      return gathered(half)
    },
    async accept(side, answer) {
      const half = halves[side]
      if (half?.pc.signalingState !== 'have-local-offer') return
      await half.pc.setRemoteDescription({ type: 'answer', sdp: answer })
      await addWaiting(half)
    },
    async candidate(side, candidate) {
      const half = halves[side]
      if (!half) return
      half.waiting.push(candidate)
      if (half.pc.remoteDescription) await addWaiting(half)
    },
  }
}

/** What a connection takes from the other side. */
interface Taking {
  setRemoteDescription(this: Taking, description: RTCSessionDescriptionInit): Promise<void>
  addIceCandidate(this: Taking, candidate?: RTCIceCandidateInit | null): Promise<void>
}

/** Runs in a tab before anything else: descriptions and candidates of the other tab are what the middle makes of them. */
function divert(): void {
  const page = globalThis as unknown as {
    tellDescription(type: string, sdp: string): Promise<string>
    tellCandidate(candidate: RTCIceCandidateInit): Promise<boolean>
  }
  const connections = RTCPeerConnection.prototype as unknown as Taking
  const { setRemoteDescription, addIceCandidate } = connections
  connections.setRemoteDescription = async function (description) {
    const sdp = await page.tellDescription(description.type, description.sdp ?? '')
    await setRemoteDescription.call(this, { type: description.type, sdp })
  }
  connections.addIceCandidate = async function (candidate) {
    if (candidate && (await page.tellCandidate({ ...candidate }))) return
    await addIceCandidate.call(this, candidate)
  }
}

async function openDiverted(side: Side, url: string): Promise<Page> {
  const context: BrowserContext = await browser.newContext()
  await context.exposeFunction('tellDescription', async (type: string, sdp: string) => {
    if (!isBetween) return sdp
    const other = otherOf(side)
    if (type === 'offer') {
      offers[other] = sdp
      return between.evaluate((to) => middle.offerTo(to), side)
    }
    await between.evaluate(([from, answer]) => middle.accept(from, answer), [other, sdp] as const)
    return between.evaluate(([to, offer]) => middle.answerTo(to, offer), [side, offers[side] ?? ''] as const)
  })
  await context.exposeFunction('tellCandidate', async (candidate: RTCIceCandidateInit) => {
    if (isBetween)
      await between.evaluate(([from, told]) => middle.candidate(from, told), [otherOf(side), candidate] as const)
    return isBetween
  })
  await context.addInitScript(divert)
  const page = await context.newPage()
  await page.goto(url)
  await untilNode(page)
  return page
}

const heardBy = () => between.evaluate(() => middle.heard)
/** Type bytes of the greeting: HELLO, HELLO_ACK and AUTH, and the ERROR that ends it. */
const GREETING = [0, 1, 2, 7]

test(
  'who ends both halves of a link himself is found out, and learns nothing but the greeting',
  { timeout: 180_000 },
  async () => {
    const ada = await openDiverted('ada', server.url)
    await untilState(ada, 'the server', (state) => state.server.state === 'open')
    const invite = await ada.evaluate(() => centram.share())
    const ben = await openDiverted('ben', invite)
    const opened: string[] = []
    const look = async () => {
      for (const page of [ada, ben])
        if ((await stateOf(page)).peers.some(({ link }) => link === 'open')) opened.push('open')
    }
    // Both halves stand: each side spoke through them, and one of them refused what it heard.
    const isOver = ({ ada: a, ben: b }: Middle['heard']) => a.length > 0 && b.length > 0 && [...a, ...b].includes(7)
    const deadline = Date.now() + 60_000
    while (!isOver(await heardBy()) && Date.now() < deadline) await look()
    const heard = await heardBy()
    expect(isOver(heard)).toBe(true)
    for (const types of [heard.ada, heard.ben]) expect(types.filter((type) => !GREETING.includes(type))).toEqual([])
    for (let i = 0; i < 20; i++) await look()
    expect(opened).toEqual([])
    // The same two tabs, with nobody between them.
    isBetween = false
    for (const page of [ada, ben]) {
      await untilState(page, 'the link', ({ peers }) => peers.some(({ link }) => link === 'open'), 90_000)
    }
  },
)
