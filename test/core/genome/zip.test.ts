import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { readZip, writeZip, type Inflate, type ZipEntry } from '#core/genome/zip.ts'

const FOLDER = 'test/vectors/genome'
const ENTRIES = [
  { name: 'moby/adapter_config.json', bytes: utf8('{"r": 8}\n'.repeat(40)) },
  { name: 'moby/größe.bin', bytes: Uint8Array.from({ length: 1000 }, (_, i) => i & 255) },
  { name: 'moby/empty', bytes: new Uint8Array() },
]
const inflate: Inflate = async (bytes, length) =>
  new Uint8Array(inflateRawSync(bytes, { maxOutputLength: length || 1 }))

test('reads what it wrote', async () => {
  expect(await readZip('a.zip', writeZip(ENTRIES), 10_000)).toEqual(ENTRIES)
  expect(await readZip('a.zip', writeZip([]), 0)).toEqual([])
})

test("writes what Python's zipfile found whole, and reads what that deflated", async () => {
  expect(new Uint8Array(readFileSync(`${FOLDER}/stored.zip`))).toEqual(writeZip(ENTRIES))
  const bytes = readFileSync(`${FOLDER}/deflated.zip`)
  expect(await readZip('deflated.zip', bytes, 10_000, inflate)).toEqual(ENTRIES)
  await expect(readZip('deflated.zip', bytes, 10_000)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
})

test('is not led to unpack more than was allowed', async () => {
  await expect(readZip('a.zip', writeZip(ENTRIES), 100)).rejects.toThrow(/more than 100 bytes/)
})

test('any damage ends in a code', async () => {
  const good = writeZip(ENTRIES)
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = Uint8Array.from(good, (byte, i) => (i === at ? byte ^ flip : byte))
      const read = await readZip('a.zip', bytes, 10_000).catch((error: unknown) => error)
      if (!Array.isArray(read)) {
        expect(read).toMatchObject({ code: expect.stringMatching(/^FORMAT_/) as string })
        return
      }
      // A name has no checksum of its own, so it may differ; no content does.
      const contents = ENTRIES.map((entry) => toHex(entry.bytes))
      for (const entry of read as ZipEntry[]) expect(contents).toContain(toHex(entry.bytes))
    }),
    { numRuns: 300 },
  )
  for (const length of [0, 1, 21, good.length - 1]) {
    await expect(readZip('a.zip', good.slice(0, length), 10_000)).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
  }
})
