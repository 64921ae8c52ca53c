// What a person should know although nobody asked: the latest few words of warning, shown by the page.

import type { Notice } from './api.ts'
import type { StateStore } from './state.ts'

/** Adds one; the oldest make room for it. */
export type Notify = (level: Notice['level'], code: Notice['code'], message: string) => void

const MAX_NOTICES = 5

export function createNotices(store: Pick<StateStore, 'get' | 'update'>): Notify {
  let count = 0
  return (level, code, message) => {
    const notice = { id: String(++count), level, code, message }
    store.update({ notices: [...store.get().notices, notice].slice(-MAX_NOTICES) })
  }
}
