// A tab's chats: the one that was open is named only once it is kept, so that a page that is reloaded at any moment finds it.

import { expect, test } from 'vitest'
import { memoryShelf, storeOn, type ChatStore } from '../../web/apps/chat/chat-store.ts'
import { emptyChat, type Chat } from '../../web/apps/chat/chat-tree.ts'
import { createOpenChats } from '../../web/apps/chat/open-chats.ts'
import type { NodeApi } from '../../worker/node/api.ts'

const CHAT: Chat = {
  ...emptyChat('tides', 5),
  turns: [
    { id: 'q1', parent: null, role: 'user', text: 'Why does the sea have tides?', state: 'done' },
    { id: 'a1', parent: 'q1', role: 'assistant', text: 'The Moon.', state: 'done' },
  ],
  shown: 'a1',
}
const EVENTS = {
  onChange: () => undefined,
  onToken: () => undefined,
  onSaveFailed: (error: unknown) => expect.unreachable(String(error)),
  names: () => ({}),
  now: () => 7,
}

test('a chat that was branched off is kept before it is named as the one that is open', async () => {
  const kept = storeOn(Promise.resolve(memoryShelf()))
  await kept.save(CHAT, new Set())
  await kept.setOpen('node', CHAT.id)
  /** Whether the chat that is named was there when it was named. */
  const named: boolean[] = []
  const store: ChatStore = {
    ...kept,
    async setOpen(nodeId, chatId) {
      named.push((await kept.load(chatId)) !== null)
      await kept.setOpen(nodeId, chatId)
    },
  }
  const chats = createOpenChats({} as NodeApi, store, EVENTS)
  await chats.restore('node')
  expect(chats.current.chat.id).toBe(CHAT.id)
  chats.branch('a1')
  await expect.poll(() => kept.openOf('node')).toBe(chats.current.chat.id)
  expect(chats.current.chat.id).not.toBe(CHAT.id)
  expect(named).not.toContain(false)
  expect((await kept.all()).length).toBe(2)
})
