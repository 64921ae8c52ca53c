// Which shape of each kernel runs. Everything that can change a result's bits is in the profile, because the node that
// asks dictates its profile to every shard of a pipeline: split equals solo, bit for bit.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from './context.ts'

const SHAPES = {
  /** Threads that share a row of a mat-vec: `row1` one; `sliceN` N with a shared-memory reduction; `subgroup` by lanes. */
  matvec: ['row1', 'slice4', 'slice16', 'subgroup'],
  /** Prefill product: accumulators in registers only, or tiles staged in workgroup memory. */
  gemm: ['registers', 'tiled'],
  /** Threads of an attention workgroup. */
  attention: ['threads32', 'threads64', 'threads128'],
  /** Threads of a norm; of a softmax over the vocabulary too. */
  norm: ['threads4', 'threads32', 'threads128'],
} as const

export type KernelProfile = { readonly [K in keyof typeof SHAPES]: (typeof SHAPES)[K][number] }
export type KernelKind = keyof KernelProfile

const NORM_THREADS = { threads4: 4, threads32: 32, threads128: 128 } as const

export const normThreads = ({ norm }: Pick<KernelProfile, 'norm'>): number => NORM_THREADS[norm]

/** Runs everywhere, and is what wins on a CPU adapter. */
export const BASE_PROFILE: KernelProfile = {
  matvec: 'row1',
  gemm: 'registers',
  attention: 'threads32',
  norm: 'threads4',
}

/** The shapes of `kind` that this adapter can run. */
export function shapesOf<K extends KernelKind>(gpu: Pick<GpuContext, 'info'>, kind: K): readonly KernelProfile[K][] {
  const all: readonly string[] = SHAPES[kind]
  return all.filter((shape) => shape !== 'subgroup' || gpu.info.subgroups) as unknown as readonly KernelProfile[K][]
}

/** `matvec=row1;gemm=registers;…`, in a fixed order. */
export function formatProfile(profile: KernelProfile): string {
  return (Object.keys(SHAPES) as KernelKind[]).map((kind) => `${kind}=${profile[kind]}`).join(';')
}

/** Reads what `formatProfile` wrote; throws `BAD_ARGUMENT` on anything else. */
export function parseProfile(text: string): KernelProfile {
  const pairs = new Map(
    text
      .slice(0, 256)
      .split(';')
      .map((pair) => pair.split('=') as [string, string]),
  )
  const kinds = Object.keys(SHAPES) as KernelKind[]
  const known = kinds.every((kind) => (SHAPES[kind] as readonly string[]).includes(pairs.get(kind) ?? ''))
  if (!known || pairs.size !== kinds.length) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Not a kernel profile this version knows: ${text.slice(0, 256)}. Update both nodes.`,
    )
  }
  return Object.fromEntries(pairs) as unknown as KernelProfile
}

/** Whether this adapter can run `profile`; a node that cannot must refuse its share of a pipeline. */
export function supportsProfile(gpu: Pick<GpuContext, 'info'>, profile: KernelProfile): boolean {
  return (Object.keys(SHAPES) as KernelKind[]).every((kind) =>
    (shapesOf(gpu, kind) as readonly string[]).includes(profile[kind]),
  )
}
