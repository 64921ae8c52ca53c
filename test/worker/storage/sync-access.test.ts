// Opening a stored file although the browser may leave the question unanswered.

import { expect, test } from 'vitest'
import { openSyncHandle, type SyncFile, type SyncHandle } from '../../../worker/storage/sync-access.ts'
import { createFakeClock } from '../net/fake-clock.ts'

type Answer = 'never' | 'locked' | 'missing' | 'open'

/** Files that answer as told, one call after another. */
function createFiles(answers: readonly Answer[]) {
  const closed: number[] = []
  const late: (() => void)[] = []
  let calls = 0
  const handle = (call: number): SyncHandle => ({
    getSize: () => call,
    read: () => 0,
    write: () => 0,
    flush: () => undefined,
    truncate: () => undefined,
    close: () => void closed.push(call),
  })
  const find = async (): Promise<SyncFile> => ({
    createSyncAccessHandle() {
      const call = calls++
      const answer = answers[call] ?? 'open'
      if (answer === 'never') return new Promise((resolve) => late.push(() => resolve(handle(call))))
      if (answer === 'open') return Promise.resolve(handle(call))
      const name = answer === 'locked' ? 'NoModificationAllowedError' : 'NotFoundError'
      return Promise.reject(Object.assign(new Error(answer), { name }))
    },
  })
  return { find, closed, late, calls: () => calls }
}

function open(answers: readonly Answer[]) {
  const clock = createFakeClock()
  const files = createFiles(answers)
  let outcome: unknown
  openSyncHandle('weights.model', files.find, clock).then(
    (handle) => (outcome = handle.getSize()),
    (error: unknown) => (outcome = error),
  )
  return { ...files, clock, outcome: () => outcome }
}

test('a file that answers is opened once', async () => {
  const { clock, outcome, calls } = open(['open'])
  await clock.advance(0)
  expect(outcome()).toBe(0)
  expect(calls()).toBe(1)
})

test('is asked for again when no answer comes, also while the forgotten one still holds it', async () => {
  const { clock, outcome, closed, late } = open(['never', 'locked', 'open'])
  await clock.advance(2900)
  expect(outcome()).toBeUndefined()
  await clock.advance(5000)
  expect(outcome()).toBe(2)
  // The answer that came too late is let go of, or it would lock the file.
  late.forEach((answer) => answer())
  await clock.advance(0)
  expect(closed).toEqual([0])
})

test('a lock of somebody else is told at once, and so is every other failure', async () => {
  for (const answer of ['locked', 'missing'] as const) {
    const { clock, outcome, calls } = open([answer])
    await clock.advance(0)
    expect(outcome()).toMatchObject({ message: answer })
    expect(calls()).toBe(1)
  }
})

test('is given up with words to act on when no answer comes at all', async () => {
  const { clock, outcome, calls } = open(new Array<Answer>(9).fill('never'))
  await clock.advance(60_000)
  expect(outcome()).toMatchObject({ code: 'STORAGE_UNAVAILABLE', message: expect.stringContaining('weights.model') })
  expect(calls()).toBe(5)
})
