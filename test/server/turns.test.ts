// Whose frame is verified next.

import { expect, test } from 'vitest'
import { createTurns, newCaller } from '../../signaling-server/signalling/turns.ts'

/** Work that ends when it is told to, by name. */
function createBench(atOnce: number) {
  let time = 0
  const turns = createTurns(atOnce, () => time)
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const settle = () => new Promise((resolve) => setTimeout(resolve))
  return {
    started,
    pass: (ms: number) => (time += ms),
    async ask(name: string, caller: ReturnType<typeof newCaller>) {
      void turns
        .take(caller, async () => {
          started.push(name)
          await new Promise<void>((resolve) => ends.set(name, resolve))
          if (name.startsWith('bad')) throw new Error(name)
        })
        .catch(() => undefined)
      await settle()
    },
    async end(name: string) {
      ends.get(name)?.()
      await settle()
    },
  }
}

test('no more run at once than may, and who said little goes first', async () => {
  const bench = createBench(2)
  const loud = newCaller(0)
  const quiet = newCaller(0)
  for (const name of ['l1', 'l2', 'l3', 'l4']) await bench.ask(name, loud)
  await bench.ask('q1', quiet)
  expect(bench.started).toEqual(['l1', 'l2'])
  await bench.end('l1')
  expect(bench.started).toEqual(['l1', 'l2', 'q1'])
  await bench.end('q1')
  expect(bench.started.at(-1)).toBe('l3')
})

test('what failed gives its turn on, equals keep their order, and what was long ago counts no more', async () => {
  const bench = createBench(1)
  const [once, other] = [newCaller(0), newCaller(0)]
  for (let i = 0; i < 8; i++) {
    await bench.ask(`bad${i}`, once)
    await bench.end(`bad${i}`)
  }
  bench.pass(120_000)
  await bench.ask('first', other)
  await bench.ask('second', once)
  await bench.ask('third', newCaller(0))
  await bench.end('first')
  expect(bench.started.at(-1)).toBe('third')
  await bench.end('third')
  expect(bench.started.at(-1)).toBe('second')
})
