// Family 1, stream: bytes of any length between two nodes, in order, at the pace the receiver grants, and resumable on
// another link. A stream is named by 16 bytes, not by its link.

import { z } from 'zod/mini'
import { count, errorCodeField, hash, id16, reason, text } from '../fields.ts'
import { definePeerMessage } from '../message.ts'

const MAX_DATA = 64 * 1024

const OPEN = definePeerMessage({
  family: 'stream',
  index: 0,
  name: 'STREAM_OPEN',
  summary:
    'Wishes to send bytes: what they are, how many if known, and whether they go before other streams. Said again after a break.',
  body: z.strictObject({
    stream: id16,
    /** What the receiver should do with it: the name of a use. */
    purpose: text(64),
    /** What exactly is sent, where that has a hash. */
    subject: z.nullable(hash),
    priority: z.enum(['interactive', 'bulk']),
    length: z.nullable(count),
  }),
  maxBody: 512,
  rate: 'control',
})

const ACCEPT = definePeerMessage({
  family: 'stream',
  index: 1,
  name: 'STREAM_ACCEPT',
  summary: 'Takes a stream and grants its first bytes.',
  body: z.strictObject({ stream: id16, credit: count }),
  maxBody: 64,
  rate: 'control',
})

const REJECT = definePeerMessage({
  family: 'stream',
  index: 2,
  name: 'STREAM_REJECT',
  summary: 'Does not take a stream, and why.',
  body: z.strictObject({ stream: id16, code: errorCodeField, message: reason }),
  maxBody: 2048,
  rate: 'control',
})

const DATA = definePeerMessage({
  family: 'stream',
  index: 3,
  name: 'STREAM_DATA',
  summary: 'The bytes of a stream from `offset` on.',
  body: z.strictObject({ stream: id16, offset: count }),
  tail: 'bytes',
  maxBody: 64,
  maxTail: MAX_DATA,
  large: 'A signature for every few bytes would cost more than sending them.',
  rate: 'bulk',
})

const CREDIT = definePeerMessage({
  family: 'stream',
  index: 4,
  name: 'STREAM_CREDIT',
  summary:
    'Has everything before `offset`, and grants as far as `credit`, both from the stream’s beginning. Neither goes down.',
  body: z.strictObject({ stream: id16, offset: count, credit: count }),
  maxBody: 96,
  rate: 'stream',
})

const END = definePeerMessage({
  family: 'stream',
  index: 5,
  name: 'STREAM_END',
  summary:
    'A stream is complete: its length and the SHA-256 of all of it. The receiver says the same once it has found it so.',
  body: z.strictObject({ stream: id16, length: count, root: hash }),
  maxBody: 128,
  rate: 'control',
})

const RESET = definePeerMessage({
  family: 'stream',
  index: 6,
  name: 'STREAM_RESET',
  summary: 'Either side gives a stream up, and why.',
  body: z.strictObject({ stream: id16, code: errorCodeField, message: reason }),
  maxBody: 2048,
  rate: 'control',
})

const RESUME = definePeerMessage({
  family: 'stream',
  index: 7,
  name: 'STREAM_RESUME',
  summary:
    'Answers the OPEN of a stream that goes on after a break: has everything before `offset`, grants as far as `credit`.',
  body: z.strictObject({ stream: id16, offset: count, credit: count }),
  maxBody: 96,
  rate: 'control',
})

export const STREAM_MESSAGES = [OPEN, ACCEPT, REJECT, DATA, CREDIT, END, RESET, RESUME] as const
