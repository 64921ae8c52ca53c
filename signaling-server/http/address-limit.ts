// A rate for each address that asks. Only the latest of them are remembered.

import { createTokenBucket, type Rate, type TokenBucket } from '#core/protocol/rates.ts'

const MAX_ADDRESSES = 10_000

/** Whether this address may ask once more. */
export function createAddressLimit(rate: Rate, now: () => number): (address: string) => boolean {
  const buckets = new Map<string, TokenBucket>()
  return (address) => {
    const bucket = buckets.get(address) ?? createTokenBucket(rate, now())
    buckets.delete(address)
    buckets.set(address, bucket)
    if (buckets.size > MAX_ADDRESSES) buckets.delete(buckets.keys().next().value as string)
    return bucket.take(now())
  }
}
