import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { isCpuAdapter } from '../../../worker/gpu/choose-profile.ts'
import { foldWorkgroups } from '../../../worker/gpu/grid.ts'
import {
  BASE_PROFILE,
  formatProfile,
  parseProfile,
  shapesOf,
  supportsProfile,
  type KernelKind,
  type KernelProfile,
} from '../../../worker/gpu/profile.ts'

const adapter = (subgroups: boolean) => ({ info: { subgroups } as GpuContext['info'] })
const KINDS = Object.keys(BASE_PROFILE) as KernelKind[]

const anyProfile = fc.record(
  Object.fromEntries(KINDS.map((kind) => [kind, fc.constantFrom(...shapesOf(adapter(true), kind))])),
) as unknown as fc.Arbitrary<KernelProfile>

describe('profile text', () => {
  test('every profile comes back from its text', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        expect(parseProfile(formatProfile(profile))).toEqual(profile)
      }),
    )
  })

  test('the text has one form, whatever the order of the keys', () => {
    const reversed = Object.fromEntries(Object.entries(BASE_PROFILE).reverse()) as unknown as KernelProfile
    expect(formatProfile(reversed)).toBe('matvec=row1;gemm=registers;attention=threads32;norm=threads4')
  })

  test.each([
    '',
    'matvec=row1',
    'matvec=row1;gemm=registers;attention=threads32;norm=threads4;more=1',
    'matvec=row2;gemm=registers;attention=threads32;norm=threads4',
    'matvec=row1;gemm=registers;attention=threads32;norm',
    '__proto__=x;gemm=registers;attention=threads32;norm=threads4',
    'x'.repeat(1e6),
  ])('anything else is refused: %.60s', (text) => {
    expect(() => parseProfile(text)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
  })

  test('whatever a peer sends, the parser answers or refuses with a code', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(formatProfile(parseProfile(text))).toBeTypeOf('string')
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_ARGUMENT' })
        }
      }),
    )
  })
})

test('an adapter without subgroups neither offers nor supports their shape', () => {
  const profile: KernelProfile = { ...BASE_PROFILE, matvec: 'subgroup' }
  expect(shapesOf(adapter(false), 'matvec')).not.toContain('subgroup')
  expect(supportsProfile(adapter(false), profile)).toBe(false)
  expect(supportsProfile(adapter(true), profile)).toBe(true)
  expect(supportsProfile(adapter(false), BASE_PROFILE)).toBe(true)
})

test('a processor behind the adapter is recognised', () => {
  const info = { isFallback: false, architecture: 'ampere', description: 'NVIDIA', device: '' }
  expect(isCpuAdapter(info)).toBe(false)
  expect(isCpuAdapter({ ...info, architecture: 'swiftshader' })).toBe(true)
  expect(isCpuAdapter({ ...info, description: 'Microsoft Basic Render Driver' })).toBe(true)
  expect(isCpuAdapter({ ...info, isFallback: true })).toBe(true)
})

test('no dimension of a grid passes the limit, and none is left out', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_535 * 60_000 }), (count) => {
      const [x, y] = foldWorkgroups(count)
      expect(Math.max(x, y)).toBeLessThanOrEqual(65_535)
      expect(x * y).toBeGreaterThanOrEqual(count)
      expect((x - 1) * y).toBeLessThan(count)
    }),
  )
})
