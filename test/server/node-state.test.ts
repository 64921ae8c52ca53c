// The command line reads a page's reports by schemas of its own (it may not import worker/node). These checks hold the
// two together: what the node's API promises must be what the schemas accept.

import { expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import type { modelSchema } from '../../signaling-server/api.ts'
import {
  eventSchema,
  type resultSchema,
  type stateSchema,
  type TabEvent,
} from '../../signaling-server/cli/node-state.ts'
import type { GenerateOptions } from '../../signaling-server/cli/tab.ts'
import type {
  CatalogueEntry,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  NodeState,
} from '../../worker/node/api.ts'

/** Schemas make mutable arrays, the API readonly ones; nothing is written to either. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T

it('accepts every state, event and result of the API', () => {
  expectTypeOf<Plain<NodeState>>().toExtend<z.input<typeof stateSchema>>()
  expectTypeOf<Plain<GenerateResult>>().toExtend<z.input<typeof resultSchema>>()
  expectTypeOf<Plain<GenerateEvent>>().toExtend<TabEvent>()
})

it('sends requests and offers models as the API takes them', () => {
  expectTypeOf<GenerateOptions>().toExtend<GenerateRequest>()
  expectTypeOf<z.output<typeof modelSchema>>().toExtend<Omit<CatalogueEntry, 'sha256' | 'licence'>>()
})

it('refuses what a page should never say', () => {
  for (const event of [null, 'x', {}, { type: 'token' }, { type: 'token', token: 1.5, text: '', timing: {} }]) {
    expect(eventSchema.safeParse(event).success).toBe(false)
  }
})
