// Handlers of the infer family: answers asked of others, and others' questions.

import type { Swarm } from '../../net/swarm.ts'
import type { AnswerServer } from '../answer-server.ts'
import type { RemoteAnswers } from '../remote-answers.ts'
import type { UsageReceipts } from '../usage-receipts.ts'

export function handleInfer(swarm: Swarm, asked: RemoteAnswers, served: AnswerServer, receipts: UsageReceipts): void {
  swarm.handle('INFER_REQUEST', (peer, body) => served.onRequest(peer, body))
  swarm.handle('INFER_OFFER', (peer, body) => asked.onOffer(peer, body))
  swarm.handle('INFER_ACCEPT', (peer, body) => asked.onAccept(peer, body))
  swarm.handle('INFER_REJECT', (peer, body) => asked.onReject(peer, body))
  swarm.handle('INFER_TOKENS', (peer, body) => asked.onTokens(peer, body))
  swarm.handle('INFER_DONE', (peer, body) => asked.onDone(peer, body))
  swarm.handle('INFER_CANCEL', (peer, body) => served.onCancel(peer, body))
  swarm.handle('INFER_RECEIPT', (peer, body) => receipts.onReceipt(peer, body))
}
