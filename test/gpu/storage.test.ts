// OPFS, IndexedDB and Web Locks as Chromium has them, in dedicated workers that stand for tabs.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StorageCall } from './support/storage-worker.ts'

interface Tab {
  call<T>(name: StorageCall['name'], ...args: unknown[]): Promise<T>
  /** As when the tab is closed in the middle. */
  close(): void
}

let tabs: Tab[] = []

function openTab(): Tab {
  const worker = new Worker(new URL('./support/storage-worker.ts', import.meta.url), { type: 'module' })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let next = 0
  worker.addEventListener('message', (event: MessageEvent<{ id: number; value?: unknown; error?: string }>) => {
    const { id, value, error } = event.data
    if (error === undefined) waiting.get(id)?.resolve(value)
    else waiting.get(id)?.reject(new Error(error))
  })
  const tab: Tab = {
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        const id = next++
        waiting.set(id, { resolve: resolve, reject })
        worker.postMessage({ id, name, args } satisfies StorageCall)
      }),
    close: () => worker.terminate(),
  }
  tabs.push(tab)
  return tab
}

beforeEach(async () => {
  tabs = []
  await openTab().call('clear')
})
afterEach(() => {
  for (const tab of tabs) tab.close()
})

test('records keep what was put under each store', async () => {
  expect(await openTab().call('records')).toEqual({
    x: { bytes: Uint8Array.of(1, 2), list: [1, { two: 2 }] },
    y: 2,
    other: 'other',
    absent: undefined,
    keys: ['x', 'y'],
    none: [],
    left: ['y'],
  })
})

test('blobs are read and written at any place', async () => {
  expect(await openTab().call('blobs')).toEqual({
    again: 'STORAGE_UNAVAILABLE',
    middle: Uint8Array.of(0, 1, 2),
    past: Uint8Array.of(3),
    beyond: Uint8Array.of(),
    size: 12,
    kept: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2),
    names: ['one'],
    after: [],
    quota: true,
  })
})

interface Stored {
  readonly before: number
  readonly after: number
  readonly fetched: number
}
interface Checked {
  readonly stored: number
  readonly wrong: number
  readonly fetched: number
}

describe('the model cache', () => {
  const SIZE = 3_000_000

  test('is there again for the next tab', async () => {
    expect(await openTab().call<Stored>('ensure', SIZE, 'v1')).toEqual({ before: 0, after: SIZE, fetched: SIZE })
    expect(await openTab().call<Checked>('check', SIZE, 'v1')).toEqual({ stored: SIZE, wrong: -1, fetched: 0 })
    expect((await openTab().call<Stored>('ensure', SIZE, 'v2')).before).toBe(0)
  })

  test('is filled by two tabs together, each byte fetched once', async () => {
    const both = await Promise.all([openTab(), openTab()].map((tab) => tab.call<Stored>('ensure', SIZE, 'v1')))
    expect(both.map((tab) => tab.after)).toEqual([SIZE, SIZE])
    expect(both.reduce((sum, tab) => sum + tab.fetched, 0)).toBe(SIZE)
    expect(await openTab().call<Checked>('check', SIZE, 'v1')).toEqual({ stored: SIZE, wrong: -1, fetched: 0 })
  })

  test('survives tabs that die in the middle, and goes on', async () => {
    for (const afterMs of [40, 90, 140]) {
      const tab = openTab()
      void tab.call('ensure', SIZE, 'v1').catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      tab.close()
    }
    const { after } = await openTab().call<Stored>('ensure', SIZE, 'v1')
    expect(after).toBe(SIZE)
    expect((await openTab().call<Checked>('check', SIZE, 'v1')).wrong).toBe(-1)
  })
})

test('of a tab that dies while it stores checkpoints, the last whole one is left', async () => {
  let before = 0
  for (const afterMs of [7, 23, 41, 64]) {
    const tab = openTab()
    expect(await tab.call('train')).toBe(before + 1)
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    tab.close()
    const { step, whole, about } = await openTab().call<{ step: number; whole: boolean; about: unknown }>('checkpoint')
    expect(step).toBeGreaterThan(before)
    expect({ whole, about }).toEqual({ whole: true, about: { step } })
    before = step
  }
})
