import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { decodeManifest, encodeManifest, genomeId, type GenomeManifest } from '#core/genome/manifest.ts'
import { checkTensors, openGenome, signGenome } from '#core/genome/signed-genome.ts'

const author = identityFromSeed(new Uint8Array(32).fill(7))
const tensors = Uint8Array.of(1, 2, 3)
const hash = (letter: string) => letter.repeat(64)

const MANIFEST: GenomeManifest = {
  version: 1,
  name: 'Moby',
  createdAt: 1_790_000_000_000,
  base: { hash: hash('a'), name: 'toy', family: 'gpt2' },
  lora: { targets: ['attn_qkv'], rank: 8, alpha: 16, rankStabilised: false, dropout: 0.05 },
  tensors: { hash: toHex(sha256(tensors)), bytes: tensors.length },
  parents: [hash('b'), hash('c')],
  operator: 'ties',
  parameters: { density: 0.5, weight: [1, 0.25], normalize: true },
  seed: 9740,
  training: { steps: 10, tokens: 1280, sequenceLength: 128, batchSize: 1, learningRate: 1e-3, heldOutLoss: 1.25 },
  fitness: { novel: 1.25, speeches: 1.5 },
  privacy: {
    mechanism: 'dp-sgd',
    sampling: 'poisson',
    noiseMultiplier: 1,
    sampleRate: 0.01,
    clipNorm: 1,
    steps: 10,
    delta: 1e-5,
    epsilonRdp: 1.5,
    unit: 'one sequence of up to 128 tokens',
  },
  licence: 'CC-BY-4.0',
  author: author.publicKey,
}

test('reads back what it wrote, and the id is the hash of the bytes', () => {
  const bytes = encodeManifest(MANIFEST)
  expect(decodeManifest(bytes)).toEqual(MANIFEST)
  expect(genomeId(bytes)).toBe(toHex(sha256(bytes)))
})

test('has one encoding, whatever the order of its keys', () => {
  const reversed = Object.fromEntries(Object.entries(MANIFEST).reverse()) as GenomeManifest
  expect(encodeManifest(reversed)).toEqual(encodeManifest(MANIFEST))
  expect(encodeManifest({ ...MANIFEST, fitness: { novel: -0 } })).toEqual(
    encodeManifest({ ...MANIFEST, fitness: { novel: 0 } }),
  )
  expect(genomeId(encodeManifest({ ...MANIFEST, seed: 9741 }))).not.toBe(genomeId(encodeManifest(MANIFEST)))
})

describe('refuses', () => {
  test.each([
    ['another version', { version: 2 }],
    ['an unknown field', { extra: 1 }],
    ['a hash that is none', { parents: ['x'] }],
    ['a privacy claim over shuffled batches', { privacy: { ...MANIFEST.privacy, sampling: 'shuffled' } }],
    ['a rank of nothing', { lora: { ...MANIFEST.lora, rank: 0 } }],
    ['a key of another length', { author: new Uint8Array(31) }],
    ['values that are no numbers', { fitness: { novel: NaN } }],
  ])('%s', (_, change) => {
    expect(() => encodeManifest({ ...MANIFEST, ...change } as GenomeManifest)).toThrow(/manifest is not valid/)
  })

  test('any bytes but a manifest, with a code', () => {
    const good = encodeManifest(MANIFEST)
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Uint8Array.from(good, (byte, i) => (i === at ? byte ^ flip : byte))
        try {
          expect(genomeId(encodeManifest(decodeManifest(bytes)))).not.toBe(genomeId(good))
        } catch (error) {
          expect(error).toMatchObject({ code: 'FORMAT_INVALID' })
        }
      }),
      { numRuns: 300 },
    )
    expect(() => decodeManifest(new Uint8Array(100_000))).toThrow(/more than/)
  })
})

describe('a signed genome', () => {
  test('opens, with the id its author signed', async () => {
    const signed = await signGenome(MANIFEST, author)
    const opened = await openGenome(signed.bytes, plainVerifier)
    expect(opened).toEqual(signed)
    expect(opened.manifest).toEqual(MANIFEST)
    checkTensors(opened.manifest, tensors)
    expect(() => checkTensors(opened.manifest, Uint8Array.of(1, 2, 4))).toThrow(/not those its manifest/)
  })

  test('opens no more with one bit changed', async () => {
    const { bytes } = await signGenome(MANIFEST, author)
    for (let at = 0; at < bytes.length; at += 13) {
      const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))
      await expect(openGenome(changed, plainVerifier)).rejects.toMatchObject({
        code: expect.stringMatching(/FORMAT_INVALID|SIGNATURE_INVALID/) as string,
      })
    }
  })

  test('is signed by its author or not at all', async () => {
    const other = identityFromSeed(new Uint8Array(32).fill(8))
    await expect(signGenome(MANIFEST, other)).rejects.toThrow(/only be signed by the author/)
    const { bytes } = await signGenome({ ...MANIFEST, author: other.publicKey }, other)
    await expect(openGenome(bytes, async () => false)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })
})
