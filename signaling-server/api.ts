// The shapes of the REST answers. Each answer is parsed by its schema before it leaves, so what is documented is sent.

import { z } from 'zod'

export const healthSchema = z.strictObject({
  status: z.literal('ok'),
  version: z.string(),
  uptimeSeconds: z.number().nonnegative(),
})

/** Counts only: a room's id is its secret. */
export const peersSchema = z.strictObject({
  nodes: z.int().nonnegative(),
  rooms: z.int().nonnegative(),
})

/** As `CatalogueEntry` of the node's API. `url` is relative to the page, which lies at the server's root. */
export const modelSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  url: z.string(),
  origin: z.enum(['built-in', 'server']),
  sizeBytes: z.int().nonnegative(),
  sha256: z.string().length(64).optional(),
  licence: z.string().optional(),
})
export const modelsSchema = z.strictObject({ models: z.array(modelSchema) })

export type ServedModel = z.infer<typeof modelSchema>
