// Keeps the chats of this browser, so that they are there again after a reload or a crash, and finds text in them. Where the
// browser keeps nothing (private windows of some), they live as long as the page.

import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb'
import { mergeChats, titleOf, type Chat } from './chat-tree.ts'
import { searchChat } from './chat-search.ts'
import { newId } from './new-id.ts'
import { chatOfTurns, type OldTurn } from './old-chat.ts'
import { settle } from './turns.ts'

const DATABASE = 'centram-chats'
const MODEL = 'centram.chat-model'

interface Schema extends DBSchema {
  chats: { key: string; value: Chat }
  /** By node: the chat its tab had open last. */
  open: { key: string; value: string }
  turns: { key: string; value: readonly OldTurn[] }
}

export interface ChatSummary {
  readonly id: string
  readonly title: string
  readonly changedAt: number
  /** Where what was looked for stands; empty where it is in the title. */
  readonly excerpt: string
}

export interface ChatStore {
  /** Those with all words of `query`, the latest first; all of them for an empty one. */
  find(query: string): Promise<readonly ChatSummary[]>
  all(): Promise<readonly Chat[]>
  load(id: string): Promise<Chat | null>
  /** Adds to what another tab may have written of the same chat; of two states of a turn, `touched` says whose counts. */
  save(chat: Chat, touched: ReadonlySet<string>): Promise<void>
  remove(id: string): Promise<void>
  /** Which chat the tab of a node had open last. */
  openOf(nodeId: string): Promise<string | null>
  setOpen(nodeId: string, chatId: string): Promise<void>
}

/** The three things a store of records must do; `change` as one step that no other tab comes between. */
interface Shelf {
  visit(look: (chat: Chat) => void): Promise<void>
  get(id: string): Promise<Chat | undefined>
  change(id: string, next: (kept: Chat | undefined) => Chat | undefined): Promise<void>
  openOf(nodeId: string): Promise<string | undefined>
  setOpen(nodeId: string, chatId: string): Promise<void>
}

export function createChatStore(): ChatStore {
  const shelf = openShelf().catch(() => memoryShelf())
  return storeOn(shelf)
}

export function storeOn(opened: Promise<Shelf>): ChatStore {
  return {
    async find(query) {
      const found: ChatSummary[] = []
      await (
        await opened
      ).visit((chat) => {
        const excerpt = searchChat(chat, query)
        const { id, changedAt } = chat
        if (excerpt !== null) found.push({ id, changedAt, title: titleOf(chat), excerpt })
      })
      return found.sort((a, b) => b.changedAt - a.changedAt)
    },
    async all() {
      const chats: Chat[] = []
      await (await opened).visit((chat) => chats.push(chat))
      return chats.sort((a, b) => b.changedAt - a.changedAt)
    },
    async load(id) {
      const chat = await (await opened).get(id)
      return chat ? { ...chat, turns: chat.turns.map(settle) } : null
    },
    async save(chat, touched) {
      await (await opened).change(chat.id, (kept) => (kept ? mergeChats(kept, chat, touched) : chat))
    },
    async remove(id) {
      await (await opened).change(id, () => undefined)
    },
    async openOf(nodeId) {
      return (await (await opened).openOf(nodeId)) ?? null
    },
    async setOpen(nodeId, chatId) {
      await (await opened).setOpen(nodeId, chatId)
    },
  }
}

async function openShelf(): Promise<Shelf> {
  const database: IDBPDatabase<Schema> = await openDB<Schema>(DATABASE, 2, {
    upgrade(fresh, from, _to, transaction) {
      fresh.createObjectStore('chats', { keyPath: 'id' })
      fresh.createObjectStore('open')
      // Where this fails, the old conversations stay as they are.
      if (from === 1) adoptOldChats(fresh, transaction).catch(() => transaction.abort())
    },
  })
  return {
    async visit(look) {
      let cursor = await database.transaction('chats').store.openCursor()
      while (cursor) {
        look(cursor.value)
        cursor = await cursor.continue()
      }
    },
    get: (id) => database.get('chats', id),
    async change(id, next) {
      const { store, done } = database.transaction('chats', 'readwrite')
      const kept = await store.get(id)
      const changed = next(kept)
      await (changed ? store.put(changed) : store.delete(id))
      await done
    },
    openOf: (nodeId) => database.get('open', nodeId),
    async setOpen(nodeId, chatId) {
      await database.put('open', chatId, nodeId)
    },
  }
}

/** The first version kept one conversation for each node. */
async function adoptOldChats(
  database: IDBPDatabase<Schema>,
  transaction: IDBPTransaction<Schema, StoreNames<Schema>[], 'versionchange'>,
): Promise<void> {
  const old = transaction.objectStore('turns')
  for (let cursor = await old.openCursor(); cursor; cursor = await cursor.continue()) {
    const chat = chatOfTurns(newId(), cursor.value, Date.now())
    if (!chat) continue
    await transaction.objectStore('chats').put(chat)
    await transaction.objectStore('open').put(chat.id, cursor.key)
  }
  database.deleteObjectStore('turns')
}

export function memoryShelf(): Shelf {
  const chats = new Map<string, Chat>()
  const open = new Map<string, string>()
  return {
    async visit(look) {
      for (const chat of chats.values()) look(chat)
    },
    get: async (id) => chats.get(id),
    async change(id, next) {
      const changed = next(chats.get(id))
      if (changed) chats.set(id, changed)
      else chats.delete(id)
    },
    openOf: async (nodeId) => open.get(nodeId),
    setOpen: async (nodeId, chatId) => void open.set(nodeId, chatId),
  }
}

/** The model chosen last in this tab. */
export function readChosenModel(): string {
  return sessionStorage.getItem(MODEL) ?? ''
}

export function writeChosenModel(modelId: string): void {
  sessionStorage.setItem(MODEL, modelId)
}
