// Who is answered next, what those who wait are told, and work that must be alone.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAnswerQueue, OWN, type AnswerQueue, type Place } from '../../../worker/node/answer-queue.ts'

/** Questions whose answers end when the test says so. */
function createQuestions(queue: AnswerQueue) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const positions = new Map<string, number[]>()
  const places = new Map<string, Place>()
  const ask = (name: string, asker: string, kind = 'toy') => {
    const told: number[] = []
    const place: Place = { asker, kind, onPosition: (position) => told.push(position) }
    positions.set(name, told)
    places.set(name, place)
    return queue.run(place, () => {
      begun.push(name)
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
    })
  }
  const end = async (name: string) => {
    ends.get(name)?.()
    ends.delete(name)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { ask, end, begun, ends, positions, leave: (name: string) => queue.leave(places.get(name) as Place) }
}

const nothing = () => undefined

describe('turns', () => {
  test('askers take turns however many questions each has', async () => {
    const questions = createQuestions(createAnswerQueue(() => 1, nothing))
    for (const name of ['a1', 'a2', 'a3']) void questions.ask(name, 'a')
    for (const name of ['b1', 'b2']) void questions.ask(name, 'b')
    void questions.ask('c1', 'c')
    const answered: string[] = []
    while (questions.ends.size > 0) {
      const [name = ''] = questions.ends.keys()
      answered.push(name)
      await questions.end(name)
    }
    expect(answered).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  test('the person at this node goes first every other time, and no more often', async () => {
    const questions = createQuestions(createAnswerQueue(() => 1, nothing))
    for (const name of ['p1', 'p2', 'p3']) void questions.ask(name, 'peer')
    for (const name of ['q1', 'q2']) void questions.ask(name, 'other')
    for (const name of ['me1', 'me2', 'me3']) void questions.ask(name, OWN)
    while (questions.ends.size > 0) await questions.end([...questions.ends.keys()][0] ?? '')
    expect(questions.begun).toEqual(['p1', 'me1', 'q1', 'me2', 'p2', 'me3', 'q2', 'p3'])
  })

  test('as many run as the limit says, and one model at a time', async () => {
    let most = 2
    const queue = createAnswerQueue(() => most, nothing)
    const questions = createQuestions(queue)
    for (const [name, kind] of [
      ['a', 'toy'],
      ['b', 'toy'],
      ['c', 'toy'],
      ['d', 'llama'],
      ['e', 'toy'],
    ] as const) {
      void questions.ask(name, name, kind)
    }
    expect(questions.begun).toEqual(['a', 'b'])
    most = 3
    queue.changed()
    expect(questions.begun).toEqual(['a', 'b', 'c'])
    await questions.end('a')
    await questions.end('b')
    // The other model waits until the first is free, and nobody slips in before it.
    expect(questions.begun).toEqual(['a', 'b', 'c'])
    await questions.end('c')
    expect(questions.begun).toEqual(['a', 'b', 'c', 'd'])
    expect(queue.load()).toEqual({ running: 1, waiting: 1 })
    await questions.end('d')
    expect(questions.begun.at(-1)).toBe('e')
  })

  test('no asker waits for more than one answer of each other asker before its next', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 30 }), async (askers) => {
        const questions = createQuestions(createAnswerQueue(() => 1, nothing))
        const first = questions.ask('first', 'x')
        for (const [index, asker] of askers.entries()) void questions.ask(`${asker}/${index}`, `asker ${asker}`)
        await questions.end('first')
        await first
        while (questions.ends.size > 0) await questions.end([...questions.ends.keys()][0] ?? '')
        const order = questions.begun.slice(1).map((name) => name.split('/')[0])
        expect(order).toHaveLength(askers.length)
        for (const [at, asker] of order.entries()) {
          const next = order.indexOf(asker, at + 1)
          const between = order.slice(at + 1, next === -1 ? at + 1 : next)
          expect(new Set(between).size).toBe(between.length)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('places', () => {
  test('are told when they must wait and whenever they change', async () => {
    const questions = createQuestions(createAnswerQueue(() => 1, nothing))
    void questions.ask('now', 'a')
    void questions.ask('b1', 'b')
    void questions.ask('b2', 'b')
    void questions.ask('c', 'c')
    // Who asks later goes before another's second question.
    expect([...questions.positions]).toEqual([
      ['now', []],
      ['b1', [0]],
      ['b2', [1, 2]],
      ['c', [1]],
    ])
    await questions.end('now')
    expect(questions.positions.get('c')).toEqual([1, 0])
    expect(questions.positions.get('b2')).toEqual([1, 2, 1])
  })

  test('who leaves makes room, and cannot leave twice or after its turn came', async () => {
    const queue = createAnswerQueue(() => 1, nothing)
    const questions = createQuestions(queue)
    void questions.ask('now', 'a')
    const gone = questions.ask('gone', 'b')
    void questions.ask('last', 'c')
    expect(questions.leave('gone')).toBe(true)
    await expect(gone).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(questions.leave('gone')).toBe(false)
    expect(questions.leave('now')).toBe(false)
    expect(questions.positions.get('last')).toEqual([1, 0])
    await questions.end('now')
    expect(questions.begun).toEqual(['now', 'last'])
  })

  test('are not unlimited', async () => {
    const queue = createAnswerQueue(() => 1, nothing)
    const questions = createQuestions(queue)
    for (let count = 0; count <= 64; count++) void questions.ask(`${count}`, 'a')
    await expect(questions.ask('65', 'b')).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    expect(queue.load()).toEqual({ running: 1, waiting: 64 })
  })
})

describe('work that must be alone', () => {
  test('waits for what was asked before, and what is asked later waits for it', async () => {
    const events: string[] = []
    let idle = 0
    const queue = createAnswerQueue(
      () => 2,
      () => idle++,
    )
    const questions = createQuestions(queue)
    for (const name of ['a', 'b', 'c']) void questions.ask(name, name)
    let release: () => void = nothing
    const alone = queue.alone(() => {
      events.push(`alone after ${questions.begun.join('')}`)
      return new Promise<string>((resolve) => (release = () => resolve('done')))
    })
    void questions.ask('d', 'a new asker')
    await questions.end('a')
    await questions.end('b')
    expect(questions.begun).toEqual(['a', 'b', 'c'])
    expect(events).toEqual([])
    await questions.end('c')
    expect(events).toEqual(['alone after abc'])
    release()
    await expect(alone).resolves.toBe('done')
    expect(questions.begun).toEqual(['a', 'b', 'c', 'd'])
    expect(idle).toBe(0)
    await questions.end('d')
    expect(idle).toBe(1)
    await expect(queue.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    void questions.ask('e', 'a')
    expect(questions.begun.at(-1)).toBe('e')
  })
})
