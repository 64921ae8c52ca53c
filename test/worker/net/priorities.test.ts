// Two priorities in one session: what is interactive passes bulk, each keeps its own order, and nothing is lost for it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { typeByte } from '#core/protocol/message.ts'
import { messageNamed } from '#core/protocol/registry.ts'
import { MAX_BULK_WINDOW_BYTES } from '../../../worker/net/bulk-window.ts'
import type { Session } from '../../../worker/net/session.ts'
import { createFakeClock } from './fake-clock.ts'
import { createPacedPath } from './paced-line.ts'
import { connectSessions } from './session-pair.ts'

const ID = new Uint8Array(16).fill(4)
const MESSAGE_BYTES = 64 * 1024
const CHUNK = typeByte(messageNamed('CONTENT_CHUNK'))

const sendChunk = (session: Session, chunk: number, bytes: number) =>
  session.send(
    'CONTENT_CHUNK',
    { content: new Uint8Array(32), chunk, proof: [] },
    new Uint8Array(bytes).fill(chunk + 1),
  )
/** Any message of an interactive class does; this one has a tail. */
const sendUrgent = (session: Session, round: number, bytes: number) =>
  session.send('PROOF_RECON_FRAME', { recon: ID, round }, new Uint8Array(bytes).fill(round))

/** Whether a message of a channel is a bulk frame or a piece of one. */
const isBulk = (message: Uint8Array) =>
  String.fromCharCode(...message.subarray(0, 4)) === 'CTRB' || (message[3] === 77 && message[5] === CHUNK)

const SCRIPT = fc.array(
  fc.record({
    bulk: fc.boolean(),
    // Below, at and above the size of a channel's message, up to the largest frame of bulk.
    size: fc.constantFrom(1, 1000, 60_000, 65_536, 262_144, 1_048_576),
    pauseMs: fc.constantFrom(0, 0, 1, 20),
  }),
  { minLength: 1, maxLength: 25 },
)

describe('two priorities', () => {
  it('let whatever is interactive pass bulk, also between the pieces of one frame, and keep the order of each', async () => {
    let overtook = 0
    await fc.assert(
      fc.asyncProperty(SCRIPT, async (script) => {
        const clock = createFakeClock()
        const makeLine = createPacedPath({ clock, bytesPerSecond: 20e6, delayMs: 5 })
        let urgent = 0
        let bulkAhead = 0
        let midFrame = false
        let lastPiece = 0
        const faults: string[] = []
        const { link, sides } = connectSessions(clock, {
          makeLine,
          onChannelSend(message) {
            if (isBulk(message)) {
              // All that was asked for earlier and is more urgent has left; and the queue is short.
              if (urgent > 0) faults.push('bulk left while something urgent waited')
              bulkAhead = Math.max(bulkAhead, link.ends[0].bufferedBytes + message.length)
              midFrame = message[3] === 66 && message.length === lastPiece
              lastPiece = message.length
            } else {
              if (midFrame) overtook++
              if (message[5] === typeByte(messageNamed('PROOF_RECON_FRAME')) && message[3] === 77) urgent--
            }
          },
        })
        await clock.advance(100)
        let chunks = 0
        let rounds = 0
        for (const { bulk, size, pauseMs } of script) {
          if (bulk) sendChunk(sides[0].session, chunks++, size)
          else {
            // A whole frame of the channel's, so that its leaving can be seen.
            urgent++
            sendUrgent(sides[0].session, rounds++, Math.min(size, 60_000))
          }
          await clock.advance(pauseMs)
        }
        await clock.advance(5000)
        expect(faults).toEqual([])
        expect(bulkAhead).toBeLessThanOrEqual(MAX_BULK_WINDOW_BYTES + MESSAGE_BYTES)
        const { messages } = sides[1]
        expect(messages.flatMap(({ name, body }) => (name === 'CONTENT_CHUNK' ? [body.chunk] : []))).toEqual([
          ...Array(chunks).keys(),
        ])
        expect(messages.flatMap(({ name, body }) => (name === 'PROOF_RECON_FRAME' ? [body.round] : []))).toEqual([
          ...Array(rounds).keys(),
        ])
        for (const { name, body, tail } of messages) {
          const fill = name === 'CONTENT_CHUNK' ? body.chunk + 1 : name === 'PROOF_RECON_FRAME' ? body.round : -1
          expect(tail.every((byte) => byte === fill)).toBe(true)
        }
        expect([sides[0].end, sides[1].end]).toEqual([null, null])
      }),
      { numRuns: 30, seed: 7 },
    )
    expect(overtook).toBeGreaterThan(0)
  })

  it('keep a heartbeat and an answer going while megabytes wait', async () => {
    const clock = createFakeClock()
    // 2 MB/s: 15 MiB take eight seconds.
    const makeLine = createPacedPath({ clock, bytesPerSecond: 2e6, delayMs: 10 })
    const arrived: number[] = []
    const { sides } = connectSessions(clock, {
      makeLine,
      onMessage(_side, { name }) {
        if (name === 'PROOF_RECON_FRAME') arrived.push(clock.now())
      },
    })
    await clock.advance(100)
    for (let chunk = 0; chunk < 15; chunk++) sendChunk(sides[0].session, chunk, 1_048_576)
    const sent: number[] = []
    for (let round = 0; round < 20; round++) {
      sent.push(clock.now())
      sendUrgent(sides[0].session, round, 1000)
      await clock.advance(250)
    }
    expect(arrived).toHaveLength(20)
    const waits = arrived.map((at, round) => at - (sent[round] as number))
    expect(Math.max(...waits)).toBeLessThan(80)
    expect(sides[0].session.stalled).toBe(false)
    await clock.advance(5000)
    expect(sides[1].messages.filter(({ name }) => name === 'CONTENT_CHUNK')).toHaveLength(15)
  })
})
