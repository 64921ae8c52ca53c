// Requests to be paid: what is written is read, from text and from links, and nothing else is.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { errorCode } from '#core/errors.ts'
import { MAX_NOTE, paymentReference, readPaymentRequest, writePaymentRequest } from '#core/ledger/payment-request.ts'

const PAYEE = new Uint8Array(32).fill(0xa4)
const usual = { payee: PAYEE, amount: 20, note: 'Pizza & 2 teas, 50 %?', nonce: new Uint8Array(8).fill(7) }

const codeOf = (work: () => unknown) => {
  try {
    return work()
  } catch (error) {
    return errorCode(error)
  }
}

test('a request can be read by eye, and comes back from any link around it', () => {
  const text = writePaymentRequest(usual)
  expect(text).toBe(`${toHex(PAYEE)}.20.0707070707070707.Pizza%20%26%202%20teas%2C%2050%20%25%3F`)
  for (const link of [
    text,
    ` ${text}\n`,
    `https://a.example/?pay=${text}#join=00`,
    `http://a/?broker=x&pay=${text}&y=1`,
  ]) {
    expect(readPaymentRequest(link)).toEqual(usual)
  }
})

test('every request comes back as it was, and has a reference of its own', () => {
  const byteArray = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const requests = fc.record({
    payee: byteArray(32),
    amount: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
    note: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((note) => note.length <= MAX_NOTE),
    nonce: byteArray(8),
  })
  fc.assert(
    fc.property(requests, requests, (request, other) => {
      const read = readPaymentRequest(writePaymentRequest(request))
      expect(read).toEqual(request)
      expect(paymentReference(read)).toEqual(paymentReference(request))
      const isSame = writePaymentRequest(request) === writePaymentRequest(other)
      expect(equalBytes(paymentReference(request), paymentReference(other))).toBe(isSame)
    }),
    { numRuns: 200 },
  )
})

test('anything else is refused with a code', () => {
  const text = writePaymentRequest(usual)
  const [key = '', , nonce = ''] = text.split('.')
  const bad = [
    '',
    'https://a.example/',
    text.slice(1),
    `${key}.20.${nonce}`,
    `${key}.-1.${nonce}.`,
    `${key}.020.${nonce}.`,
    `${key}.9007199254740992.${nonce}.`,
    `${key}.20.${nonce}.%E0%A4`,
    `${key}.20.${nonce}.${'x'.repeat(MAX_NOTE + 1)}`,
    `${key}.20.${nonce}.${'%20'.repeat(5000)}`,
  ]
  for (const words of bad)
    expect(
      codeOf(() => readPaymentRequest(words)),
      words.slice(0, 90),
    ).toBe('BAD_ARGUMENT')
  fc.assert(
    fc.property(fc.string(), (words) => {
      expect(codeOf(() => readPaymentRequest(words))).toBe('BAD_ARGUMENT')
    }),
    { numRuns: 200 },
  )
  for (const change of [{ amount: 0 }, { amount: 1.5 }, { note: 'x'.repeat(81) }, { nonce: PAYEE }]) {
    expect(codeOf(() => writePaymentRequest({ ...usual, ...change }))).toBe('BAD_ARGUMENT')
  }
  // Half of a character cannot be written in a link.
  expect(readPaymentRequest(writePaymentRequest({ ...usual, note: 'a\ud83db' })).note).toBe('ab')
})
