// Links as a tab makes them: connections on the page, channels in the worker, transferred or relayed. Two such pairs stand
// in for two tabs; the test carries their signals.

import { afterEach, describe, expect, test } from 'vitest'
import { createRtcHost } from '../../web/node/rtc-host.ts'
import type { LinkCommand, LinkReport } from './support/link-worker.ts'

interface Tab {
  readonly reports: LinkReport[]
  command(command: LinkCommand): void
  /** Where its signals go; by default nowhere. */
  signals: (report: Extract<LinkReport, { type: 'signal' }>) => void
}

const workers: Worker[] = []
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate()
})

function openTab(channelsOnPage: boolean, greet: boolean): Tab {
  const links = new MessageChannel()
  createRtcHost(links.port1, { channelsOnPage })
  const worker = new Worker(new URL('./support/link-worker.ts', import.meta.url), { type: 'module' })
  workers.push(worker)
  worker.postMessage({ links: links.port2, greet }, [links.port2])
  const tab: Tab = {
    reports: [],
    command: (command) => worker.postMessage(command),
    signals: () => {},
  }
  worker.onmessage = ({ data }: MessageEvent<LinkReport>) => {
    if (data.type === 'signal') tab.signals(data)
    tab.reports.push(data)
  }
  return tab
}

function connect(channelsOnPage: boolean, greet = false): readonly [Tab, Tab] {
  const impolite = openTab(channelsOnPage, greet)
  const polite = openTab(channelsOnPage, greet)
  impolite.signals = ({ signal }) => polite.command({ type: 'signal', signal })
  polite.signals = ({ signal }) => impolite.command({ type: 'signal', signal })
  polite.command({ type: 'open', polite: true })
  impolite.command({ type: 'open', polite: false })
  return [impolite, polite]
}

const find = <Type extends LinkReport['type']>(tab: Tab, type: Type) =>
  tab.reports.findLast((report): report is Extract<LinkReport, { type: Type }> => report.type === type)

const waitFor = (tab: Tab, type: LinkReport['type']) =>
  expect.poll(() => find(tab, type), { timeout: 20_000 }).toBeDefined()

async function opened([a, b]: readonly [Tab, Tab]): Promise<void> {
  await waitFor(a, 'opened')
  await waitFor(b, 'opened')
}

describe.each([
  { name: 'transferred', channelsOnPage: false },
  { name: 'relayed', channelsOnPage: true },
])('$name channels', ({ name, channelsOnPage }) => {
  test('open with the fingerprints that both sides negotiated', async () => {
    const tabs = connect(channelsOnPage)
    await opened(tabs)
    const [a, b] = tabs.map((tab) => find(tab, 'opened'))
    expect(a?.kind).toBe(name)
    expect(a?.local).toHaveLength(32)
    expect(a?.local).toEqual(b?.remote)
    expect(b?.local).toEqual(a?.remote)
    expect(a?.local).not.toEqual(a?.remote)
  })

  test('lose nothing that is sent the moment a side opens', async () => {
    const tabs = connect(channelsOnPage, true)
    await opened(tabs)
    for (const tab of tabs) {
      await expect.poll(() => find(tab, 'received')?.messages, { timeout: 10_000 }).toBe(1)
    }
  })

  test('carry 32 MiB in order, more than a data channel buffers', async () => {
    const tabs = connect(channelsOnPage)
    await opened(tabs)
    tabs[0].command({ type: 'send', count: 512, size: 65_536 })
    await expect.poll(() => find(tabs[1], 'received')?.messages, { timeout: 40_000 }).toBe(512)
    expect(find(tabs[1], 'received')).toMatchObject({ bytes: 512 * 65_536, inOrder: true })
  })

  test('tell the other side when one closes', async () => {
    const tabs = connect(channelsOnPage)
    await opened(tabs)
    tabs[0].command({ type: 'close-channel' })
    await waitFor(tabs[1], 'closed')
  })
})

test('ICE restarts begun by both sides at once, over and over with signals that cross, leave the channel open', async () => {
  const tabs = connect(false)
  await opened(tabs)
  const descriptions = (type: 'offer' | 'answer') =>
    tabs.map(
      ({ reports }) =>
        reports.filter((report) => report.type === 'signal' && 'type' in report.signal && report.signal.type === type)
          .length,
    )
  // Slow enough for the offers to be on their way together, whichever side is first.
  for (const [index, tab] of tabs.entries()) {
    const other = tabs[1 - index] as Tab
    tab.signals = ({ signal }) => setTimeout(() => other.command({ type: 'signal', signal }), 25)
  }
  const offersBefore = descriptions('offer')
  for (let round = 0; round < 10; round++) {
    const before = descriptions('answer')
    for (const tab of tabs) tab.command({ type: 'restart' })
    // New credentials mean new descriptions from both, and the glare ends with an answer.
    await expect.poll(() => descriptions('answer').some((count, index) => count > (before[index] ?? 0))).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  const offers = descriptions('offer').map((count, index) => count - (offersBefore[index] ?? 0))
  expect(Math.min(...offers), 'both sides offered').toBeGreaterThan(4)
  for (const [index, tab] of tabs.entries()) {
    tab.command({ type: 'send', count: 3, size: 1000 })
    await expect.poll(() => find(tabs[1 - index] as Tab, 'received')?.messages).toBe(3)
  }
  expect(tabs.some((tab) => find(tab, 'closed'))).toBe(false)
  expect(find(tabs[0], 'path')?.path).toBe('direct')
})
