// Keeps the conversation of each node of this browser, so that it is there again after a reload or a crash.

import { openDB, type IDBPDatabase } from 'idb'
import type { ChatSettings, Turn } from './conversation.ts'

const DATABASE = 'centram-chats'
const TURNS = 'turns'
const SETTINGS = 'centram.chat-settings'
const MODEL = 'centram.chat-model'
export const DEFAULT_SETTINGS: ChatSettings = { temperature: 0.7, maxTokens: 512 }

export interface ChatStore {
  load(nodeId: string): Promise<readonly Turn[]>
  save(nodeId: string, turns: readonly Turn[]): Promise<void>
}

/** Where the browser keeps nothing (private windows of some), the chat lives as long as the page. */
export function createChatStore(): ChatStore {
  const opened: Promise<IDBPDatabase | null> = openDB(DATABASE, 1, {
    upgrade: (database) => void database.createObjectStore(TURNS),
  }).catch(() => null)
  return {
    async load(nodeId) {
      const saved: unknown = await (await opened)?.get(TURNS, nodeId)
      return Array.isArray(saved) ? (saved as Turn[]).map(settle) : []
    },
    async save(nodeId, turns) {
      await (await opened)?.put(TURNS, turns, nodeId)
    },
  }
}

/** An answer that was under way when the page went is kept as far as it came. */
function settle(turn: Turn): Turn {
  return turn.state === 'waiting' || turn.state === 'streaming' ? { ...turn, state: 'stopped' } : turn
}

export function readSettings(): ChatSettings {
  try {
    const saved = JSON.parse(localStorage.getItem(SETTINGS) ?? '{}') as Partial<ChatSettings>
    return {
      temperature: clamp(saved.temperature, 0, 1.5, DEFAULT_SETTINGS.temperature),
      maxTokens: clamp(saved.maxTokens, 16, 4096, DEFAULT_SETTINGS.maxTokens),
    }
  } catch {
    return DEFAULT_SETTINGS
  }
}

export function writeSettings(settings: ChatSettings): void {
  localStorage.setItem(SETTINGS, JSON.stringify(settings))
}

/** The model chosen last in this tab. */
export function readChosenModel(): string {
  return sessionStorage.getItem(MODEL) ?? ''
}

export function writeChosenModel(modelId: string): void {
  sessionStorage.setItem(MODEL, modelId)
}

function clamp(value: unknown, low: number, high: number, otherwise: number): number {
  return typeof value === 'number' && value >= low && value <= high ? value : otherwise
}
