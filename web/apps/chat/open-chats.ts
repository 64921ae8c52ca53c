// The chats of this tab: the one in view, those whose answers go on behind it, and keeping them all. Knows nothing of elements.

import type { NodeApi } from '../../../worker/node/api.ts'
import { branchOff, emptyChat, type Chat } from './chat-tree.ts'
import type { ChatStore } from './chat-store.ts'
import { createConversation, type Conversation, type ConversationEvents } from './conversation.ts'
import { newId } from './new-id.ts'

const SAVE_EVERY_MS = 1000

export interface OpenChats {
  readonly current: Conversation
  /** Ids of the chats with an answer under way. */
  readonly answering: ReadonlySet<string>
  /** Opens what the tab of this node had open last. */
  restore(nodeId: string): Promise<void>
  open(chatId: string): Promise<void>
  begin(): void
  /** Goes on from a turn in a chat of its own. */
  branch(turnId: string): void
  rename(chatId: string, title: string): Promise<void>
  remove(chatId: string): Promise<void>
  /** Writes at once what waits to be written. */
  flush(): Promise<void>
}

export interface OpenChatsEvents extends ConversationEvents {
  /** A chat could not be written; it is tried again with the next change. */
  onSaveFailed(error: unknown): void
}

export function createOpenChats(api: NodeApi, store: ChatStore, events: OpenChatsEvents): OpenChats {
  let nodeId = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = new Map<string, Conversation>()
  const unsaved = new Set<Conversation>()
  const removed = new Set<string>()

  function hold(chat: Chat): Conversation {
    const conversation: Conversation = createConversation(api, chat, {
      ...events,
      onChange: () => {
        unsaved.add(conversation)
        if (conversation.answering) open.set(conversation.chat.id, conversation)
        else letGo(conversation)
        timer ??= setTimeout(() => void flush(), SAVE_EVERY_MS)
        events.onChange()
      },
      // The light on the ribbon is that of the chat in view.
      onToken: (timing) => conversation === current && events.onToken(timing),
    })
    open.set(chat.id, conversation)
    return conversation
  }

  let current = hold(emptyChat(newId(), events.now()))

  /** A chat out of view is held only as long as it is being answered. */
  function letGo(conversation: Conversation): void {
    const { id } = conversation.chat
    if (conversation !== current && !conversation.answering && open.get(id) === conversation) open.delete(id)
  }

  function view(next: Conversation): void {
    const before = current
    current = next
    letGo(before)
    const { chat } = next
    // What is not written yet is named once it is: a page that is reloaded in between would look for it in vain.
    if (nodeId && !unsaved.has(next)) void store.setOpen(nodeId, chat.turns.length > 0 ? chat.id : '')
    events.onChange()
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const waiting = [...unsaved].filter(({ chat }) => chat.turns.length > 0 && !removed.has(chat.id))
    unsaved.clear()
    try {
      await Promise.all(waiting.map(({ chat, touched }) => store.save(chat, touched)))
      if (nodeId && waiting.includes(current)) await store.setOpen(nodeId, current.chat.id)
    } catch (error) {
      for (const conversation of waiting) unsaved.add(conversation)
      events.onSaveFailed(error)
    }
  }

  return {
    get current() {
      return current
    },
    get answering() {
      return new Set([...open.values()].filter(({ answering }) => answering).map(({ chat }) => chat.id))
    },
    async restore(id) {
      nodeId = id
      const chatId = await store.openOf(id)
      const chat = chatId ? await store.load(chatId) : null
      if (chat && current.chat.turns.length === 0) view(hold(chat))
    },
    async open(chatId) {
      await flush()
      const held = open.get(chatId)
      // Another tab may have gone on with one that rests.
      const chat = held?.answering ? null : await store.load(chatId)
      if (chat) view(hold(chat))
      else if (held) view(held)
    },
    begin() {
      void flush()
      view(hold(emptyChat(newId(), events.now(), '')))
    },
    branch(turnId) {
      void flush()
      const chat = branchOff(current.chat, turnId, newId(), events.now())
      const branch = hold(chat)
      unsaved.add(branch)
      view(branch)
      void flush()
    },
    async rename(chatId, title) {
      const held = open.get(chatId)
      if (held) {
        held.change({ title })
        await flush()
        return
      }
      const chat = await store.load(chatId)
      if (chat) await store.save({ ...chat, title }, new Set())
    },
    async remove(chatId) {
      const held = open.get(chatId)
      removed.add(chatId)
      open.delete(chatId)
      await held?.stop().catch(() => undefined)
      await store.remove(chatId)
      if (current.chat.id === chatId) view(hold(emptyChat(newId(), events.now())))
    },
    flush,
  }
}
