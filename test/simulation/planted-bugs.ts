// Small bugs, each a change of a line of the product's own text, made in the simulation's bundle alone: it must find every
// one of them. A change whose text is gone is an error, so the list stays true.

interface PlantedBug {
  /** What it stands for. */
  readonly what: string
  readonly file: string
  /** Text that occurs once. */
  readonly from: string
  readonly to: string
}

export const PLANTED_BUGS = {
  'unsigned-frames': {
    what: 'frames are handled whatever their signature says',
    file: 'worker/core/protocol/codec.ts',
    from: 'if (await verify(publicKey, signedBytes(frame), signatureOf(frame))) return',
    to: 'if ((await verify(publicKey, signedBytes(frame), signatureOf(frame))) || true) return',
  },
  'replayed-frames': {
    what: 'a frame that came before is handled again',
    file: 'worker/core/protocol/receiver.ts',
    from: 'if (repeated) {',
    to: 'if (repeated && header.sequence < 0) {',
  },
  'foreign-session': {
    what: 'a frame of another session is handled in this one',
    file: 'worker/core/protocol/receiver.ts',
    from: 'if (!equalBytes(header.session, session)) {',
    to: 'if (header.session.length !== session.length) {',
  },
  'unordered-inbox': {
    what: 'frames are handled as their signatures come back, not in the order in which they came',
    file: 'worker/core/protocol/inbox.ts',
    from: 'running ??= run()',
    to: 'void run()',
  },
  'never-tries-again': {
    what: 'a link that ended is not made again',
    file: 'worker/net/link-keeper.ts',
    from: 'if (!hasRoom(record) || options.routes',
    to: 'if (record.attempts > 0 || !hasRoom(record) || options.routes',
  },
  'doubled-stream-bytes': {
    what: 'stream bytes that come a second time, because a connection broke, are taken a second time',
    file: 'worker/net/incoming-stream.ts',
    from: 'if (offset + piece.length <= received) return',
    to: 'if (offset + piece.length <= received) take(piece)',
  },
  'stream-resumes-one-byte-off': {
    what: 'a stream goes on one byte after the place that its receiver named',
    file: 'worker/net/outgoing-stream.ts',
    from: '      next = offset\n      endSaid = false\n',
    to: '      next = offset + 1\n      endSaid = false\n',
  },
  'credit-counted-twice': {
    what: 'a sender adds what it was granted to what it had',
    file: 'worker/net/outgoing-stream.ts',
    from: '    credit = granted\n',
    to: '    credit += granted\n',
  },
  'transfer-begins-again': {
    what: 'a broken download goes on with its first bytes',
    file: 'worker/storage/http-source.ts',
    from: 'const start = offset + filled',
    to: 'const start = offset + 0 * filled',
  },
  'record-before-flush': {
    what: 'a part counts as stored before its bytes were flushed',
    file: 'worker/storage/model-cache.ts',
    from: '          await file.write(range.start, bytes)\n          await file.flush()\n',
    to: '          await file.write(range.start, bytes)\n',
  },
  'cleared-file-believed': {
    what: 'a record of what the browser cleared away is believed once the file has grown again (found by this simulation)',
    file: 'worker/storage/model-cache.ts',
    from: 'ranges: intersect(record.ranges, { start: 0, end: held }) }',
    to: 'ranges: record.ranges }',
  },
  'endless-placement': {
    what: 'a plan that cannot be made is tried again without end, and the tab freezes (found by this simulation)',
    file: 'worker/node/active-model.ts',
    from: 'const placed = pipeline === before ? null : pipeline',
    to: 'const placed = pipeline',
  },
  'forgotten-trim': {
    what: 'the next prompt goes on behind what the last answer left in the cache',
    file: 'worker/hyperlink/lasting-session.ts',
    from: '      opened.trim(kept)\n',
    to: '',
  },
  'replay-in-another-family': {
    what: 'whoever takes over a stage computes what was decoded before in other kernels than the first time',
    file: 'worker/hyperlink/kept-states.ts',
    from: 'joined.push({ ...last, position',
    to: "joined.push({ ...last, family: 'prefill', position",
  },
  'sessions-not-freed': {
    what: 'a session that is given back keeps its KV cache',
    file: 'worker/hyperlink/step-scheduler.ts',
    from: '        session.dispose()\n        onDispose()\n',
    to: '        onDispose()\n',
  },
} as const satisfies Record<string, PlantedBug>

export type BugName = keyof typeof PLANTED_BUGS
