// A shard that tells what it computed, for the receipts of whoever it computed for.

import type { Shard } from '../model/shard.ts'

/** `shard`, with every column of a finished step told to `onColumns`. */
export function countColumns(shard: Shard, onColumns: (columns: number) => void): Shard {
  return {
    ...shard,
    async openSession(contextLength) {
      const session = await shard.openSession(contextLength)
      return {
        ...session,
        get length() {
          return session.length
        },
        async step(input, family, output, results) {
          const before = 'tokens' in input ? input.tokens.length : input.hidden.length / shard.config.width
          const done = await session.step(input, family, output, results)
          onColumns(before)
          return done
        },
      }
    },
  }
}
