// Payments between the tabs of one browser. Each tab is a node with accounts of its own, and a link that a camera reads opens in a
// new one: so that tab asks the others which of them can pay, and a person hands the request over to it.

import type { NodeState } from '../../worker/node/api.ts'

const CHANNEL = 'centram payments'

/** Another tab that can pay somebody. */
export interface PayingTab {
  /** Of its node. */
  readonly id: string
  readonly name: string
  readonly spendable: number
}

type Message =
  | { readonly kind: 'who'; readonly payee: string }
  | { readonly kind: 'here'; readonly payee: string; readonly tab: PayingTab }
  | { readonly kind: 'pay'; readonly id: string; readonly request: string }

/** Answers for this tab, and takes what is handed over to it. */
export function answerTabs(state: () => NodeState | null, take: (request: string) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    const node = state()
    if (!node) return
    if (data.kind === 'pay' && data.id === node.id) take(data.request)
    if (data.kind !== 'who') return
    const spendable = node.ledger.lines.find(({ peer }) => peer === data.payee)?.spendable ?? 0
    if (spendable === 0) return
    const tab: PayingTab = { id: node.id, name: node.name, spendable }
    channel.postMessage({ kind: 'here', payee: data.payee, tab } satisfies Message)
  }
  return () => channel.close()
}

/** Asks the other tabs who of them can pay a node; each that can is told as it answers. */
export function askTabs(
  payee: string,
  onTab: (tab: PayingTab) => void,
): { pay(id: string, request: string): void; close(): void } {
  const channel = new BroadcastChannel(CHANNEL)
  const send = (message: Message) => channel.postMessage(message)
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'here' && data.payee === payee) onTab(data.tab)
  }
  send({ kind: 'who', payee })
  return { pay: (id, request) => send({ kind: 'pay', id, request }), close: () => channel.close() }
}
