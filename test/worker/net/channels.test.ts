// The kinds of channel that Node.js has.

import { describe, expect, it } from 'vitest'
import { createMemoryLink } from '../../../worker/net/memory-channel.ts'
import { createPortChannel, type PortLike } from '../../../worker/net/port-channel.ts'
import { createRtcChannel, type DataChannelLike } from '../../../worker/net/rtc-channel.ts'
import { describeChannel } from './channel-suite.ts'

describeChannel('memory', () => Promise.resolve({ ends: createMemoryLink().ends, dispose: () => undefined }))

describeChannel('MessagePort', () => {
  const { port1, port2 } = new MessageChannel()
  return Promise.resolve({
    ends: [createPortChannel(port1 as PortLike), createPortChannel(port2 as PortLike)] as const,
    dispose() {
      port1.close()
      port2.close()
    },
  })
})

describe('memory link', () => {
  it('holds everything while it is interrupted and closes both ends when it is cut', () => {
    const queue: (() => void)[] = []
    const link = createMemoryLink({ schedule: (deliver) => queue.push(deliver) })
    const run = () => queue.splice(0).forEach((deliver) => deliver())
    const [a, b] = link.ends
    const received: number[] = []
    b.onMessage((message) => received.push(message[0] as number))
    a.send(Uint8Array.of(1))
    run()
    link.interrupt()
    a.send(Uint8Array.of(2))
    a.send(Uint8Array.of(3))
    run()
    expect(received).toEqual([1])
    expect(a.bufferedBytes).toBe(2)
    link.heal()
    expect(received).toEqual([1, 2, 3])
    const reasons: string[] = []
    a.onClose((reason) => reasons.push(reason))
    b.onClose((reason) => reasons.push(reason))
    link.cut('cable')
    expect(reasons).toEqual(['cable', 'cable'])
  })
})

describe('RTC channel over a data channel of the test', () => {
  const createFake = (readyState: DataChannelLike['readyState']) => {
    const listeners = new Map<string, ((event: { data: unknown }) => void)[]>()
    const sent: number[] = []
    return {
      readyState,
      bufferedAmount: 0,
      bufferedAmountLowThreshold: 0,
      binaryType: 'blob',
      sent,
      send(data: Uint8Array) {
        if (this.bufferedAmount + data.length > 16 * 1024 * 1024) throw new Error('the queue is full')
        this.bufferedAmount += data.length
        sent.push(data[0] as number)
      },
      close() {
        this.readyState = 'closed'
      },
      addEventListener(type: string, listener: (event: { data: unknown }) => void) {
        listeners.set(type, [...(listeners.get(type) ?? []), listener])
      },
      emit(type: string, data?: unknown) {
        for (const listener of listeners.get(type) ?? []) listener({ data })
      },
    }
  }

  it('sends what was given before it opened, once it opens', () => {
    const fake = createFake('connecting')
    const channel = createRtcChannel(fake)
    const buffer = Uint8Array.of(1)
    channel.send(buffer)
    buffer[0] = 9
    channel.send(Uint8Array.of(2))
    expect(fake.sent).toEqual([])
    expect(channel.bufferedBytes).toBe(2)
    fake.readyState = 'open'
    fake.emit('open')
    expect(fake.sent).toEqual([1, 2])
  })

  it('never fills the browser’s queue, and goes on when it drains', async () => {
    const fake = createFake('open')
    const channel = createRtcChannel(fake)
    const message = new Uint8Array(64 * 1024)
    for (let i = 0; i < 512; i++) channel.send(message)
    expect(fake.bufferedAmount).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(channel.bufferedBytes).toBe(32 * 1024 * 1024)
    let drained = false
    void channel.drained().then(() => (drained = true))
    for (let round = 0; round < 4; round++) {
      expect(drained).toBe(false)
      fake.bufferedAmount = 0
      fake.emit('bufferedamountlow')
      await Promise.resolve()
    }
    fake.bufferedAmount = 0
    fake.emit('bufferedamountlow')
    await Promise.resolve()
    expect(fake.sent).toHaveLength(512)
    expect(drained).toBe(true)
  })

  it('closes on text and on a channel that was closed already', () => {
    const fake = createFake('open')
    const channel = createRtcChannel(fake)
    const reasons: string[] = []
    channel.onClose((reason) => reasons.push(reason))
    fake.emit('message', 'hello')
    expect(reasons).toHaveLength(1)
    expect(fake.readyState).toBe('closed')
    createRtcChannel(createFake('closed')).onClose((reason) => reasons.push(reason))
    expect(reasons).toHaveLength(2)
  })
})
