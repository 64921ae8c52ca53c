// What every kind of channel must do; run on memory and MessagePort in Node.js, and on RTCDataChannel in Chromium.

import { describe, expect, it } from 'vitest'
import { equalBytes } from '#core/crypto/bytes.ts'
import type { Channel } from '../../../worker/net/channel.ts'
import { HIGH_WATER_BYTES } from '../../../worker/net/channel.ts'

export interface ChannelPair {
  readonly ends: readonly [Channel, Channel]
  dispose(): void
}

/** `make` gives a fresh pair, whose ends may already have messages under way. */
export function describeChannel(kind: string, make: () => Promise<ChannelPair>): void {
  const withPair = async (work: (a: Channel, b: Channel) => Promise<void>) => {
    const { ends, dispose } = await make()
    try {
      await work(...ends)
    } finally {
      dispose()
    }
  }

  describe(`${kind} channel`, () => {
    it('carries whole messages both ways in order, without keeping the sender’s buffer', () =>
      withPair(async (a, b) => {
        const atB = collect(b)
        const atA = collect(a)
        const reused = new Uint8Array(4)
        for (let i = 0; i < 200; i++) {
          new DataView(reused.buffer).setUint32(0, i)
          a.send(reused)
          b.send(Uint8Array.of(i))
        }
        await atB.until(200)
        await atA.until(200)
        expect(atB.messages.map((message) => new DataView(message.buffer, message.byteOffset).getUint32(0))).toEqual(
          Array.from({ length: 200 }, (_, i) => i),
        )
        expect(atA.messages.map((message) => [...message])).toEqual(Array.from({ length: 200 }, (_, i) => [i]))
      }))

    it('takes views into larger buffers, and messages of the full size', () =>
      withPair(async (a, b) => {
        const received = collect(b)
        const large = Uint8Array.from({ length: a.maxMessageSize }, (_, i) => i * 7)
        a.send(large.subarray(100, 110))
        a.send(large)
        a.send(large.subarray(0, 1))
        await received.until(3)
        expect([...(received.messages[0] ?? [])]).toEqual([...large.subarray(100, 110)])
        expect(equalBytes(received.messages[1] as Uint8Array, large)).toBe(true)
        expect(received.messages[2]).toHaveLength(1)
      }))

    it('refuses a message above its size and goes on', () =>
      withPair(async (a, b) => {
        const received = collect(b)
        expect(() => a.send(new Uint8Array(a.maxMessageSize + 1))).toThrow(
          expect.objectContaining({ code: 'FRAME_TOO_LARGE' }),
        )
        a.send(Uint8Array.of(1))
        await received.until(1)
        expect(received.messages).toHaveLength(1)
      }))

    it('keeps what arrives before there is a listener', () =>
      withPair(async (a, b) => {
        for (let i = 0; i < 10; i++) a.send(Uint8Array.of(i))
        await pause(50)
        const received = collect(b)
        await received.until(10)
        expect(received.messages.map((message) => message[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      }))

    it('says what waits, and when it has drained', () =>
      withPair(async (a, b) => {
        const received = collect(b)
        const message = new Uint8Array(a.maxMessageSize)
        const count = Math.ceil((3 * HIGH_WATER_BYTES) / message.length)
        for (let i = 0; i < count; i++) {
          message[0] = i
          a.send(message)
        }
        expect(a.bufferedBytes).toBeGreaterThanOrEqual(HIGH_WATER_BYTES)
        await a.drained()
        expect(a.bufferedBytes).toBeLessThan(HIGH_WATER_BYTES)
        await received.until(count)
        expect(received.messages.map((bytes) => bytes[0])).toEqual(Array.from({ length: count }, (_, i) => i & 255))
      }))

    it('tells both ends once when one closes, delivers what was sent before, and refuses more', () =>
      withPair(async (a, b) => {
        const received = collect(b)
        const closes: string[] = []
        a.onClose((reason) => closes.push(`a: ${reason}`))
        const closedAtB = new Promise<string>((resolve) => b.onClose(resolve))
        b.onClose(() => closes.push('b'))
        a.send(Uint8Array.of(1))
        a.send(Uint8Array.of(2))
        a.close('enough')
        a.close('again')
        expect(await closedAtB).toBeTypeOf('string')
        await pause(20)
        expect(received.messages.map((message) => message[0])).toEqual([1, 2])
        expect(closes).toEqual(['a: enough', 'b'])
        for (const end of [a, b]) {
          expect(() => end.send(Uint8Array.of(3))).toThrow(expect.objectContaining({ code: 'CHANNEL_CLOSED' }))
          await expect(end.drained()).rejects.toMatchObject({ code: 'CHANNEL_CLOSED' })
          let late = 0
          end.onClose(() => late++)
          expect(late).toBe(1)
        }
      }))

    it('lets nobody wait for a channel that closed', () =>
      withPair(async (a) => {
        const message = new Uint8Array(a.maxMessageSize)
        while (a.bufferedBytes < 2 * HIGH_WATER_BYTES) a.send(message)
        const waiting = a.drained()
        a.close()
        await expect(waiting).rejects.toMatchObject({ code: 'CHANNEL_CLOSED' })
      }))
  })
}

function collect(channel: Channel) {
  const messages: Uint8Array[] = []
  let wake: (() => void) | null = null
  channel.onMessage((message) => {
    messages.push(message)
    wake?.()
  })
  return {
    messages,
    async until(count: number): Promise<void> {
      while (messages.length < count) await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
