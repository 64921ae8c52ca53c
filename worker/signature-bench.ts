// Entry of a worker that measures signatures as a tab makes and verifies them: WebCrypto's key, the strict checks before it.

import { errorMessage } from '#core/errors.ts'
import { createVerifier, generateIdentity, openIdentity, type Ed25519Subtle } from '#core/crypto/identity.ts'

export interface SignatureRequest {
  /** Of a frame as signed. */
  readonly bytes: number
  /** Milliseconds of each measurement. */
  readonly milliseconds: number
}

export interface SignatureRates {
  readonly kind: string
  /** A second, one after the other, and with 64 in flight. */
  readonly signatures: number
  readonly verifications: number
  readonly verificationsTogether: number
}

export type SignatureAnswer =
  ({ readonly type: 'rates' } & SignatureRates) | { readonly type: 'failed'; readonly message: string }

const TOGETHER = 64

async function measure({ bytes, milliseconds }: SignatureRequest): Promise<SignatureRates> {
  const subtle = (crypto as { subtle?: unknown }).subtle as Ed25519Subtle | undefined
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const stored = await generateIdentity(subtle, random)
  const identity = openIdentity(stored, subtle)
  const verify = await createVerifier(subtle)
  const message = random(bytes)
  const signature = await identity.sign(message)
  const verifyOne = async () => {
    if (!(await verify(identity.publicKey, message, signature))) throw new Error('A signature does not verify.')
  }
  const rate = async (work: () => Promise<unknown>, count: number): Promise<number> => {
    await work()
    const start = performance.now()
    let done = 0
    while (performance.now() - start < milliseconds) {
      await work()
      done += count
    }
    return (1000 * done) / (performance.now() - start)
  }
  return {
    kind: stored.kind,
    signatures: await rate(() => identity.sign(message), 1),
    verifications: await rate(verifyOne, 1),
    verificationsTogether: await rate(() => Promise.all(Array.from({ length: TOGETHER }, verifyOne)), TOGETHER),
  }
}

addEventListener('message', ({ data }: MessageEvent<SignatureRequest>) => {
  void measure(data)
    .then((rates): SignatureAnswer => ({ type: 'rates', ...rates }))
    .catch((error: unknown): SignatureAnswer => ({ type: 'failed', message: errorMessage(error) }))
    .then((answer) => postMessage(answer))
})
