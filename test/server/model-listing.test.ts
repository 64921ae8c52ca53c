import { expect, it } from 'vitest'
import { CATALOGUE } from '#core/formats/catalogue.ts'
import { modelSchema } from '../../signaling-server/api.ts'
import { listModel } from '../../signaling-server/model-listing.ts'

it.each(CATALOGUE)('lists $fileName by its name in the catalogue, with its checksum', (known) => {
  const file = { name: known.fileName, kind: 'file', path: '/x', sizeBytes: known.sizeBytes, origin: 'server' } as const
  const { id, sha256, licence, url, origin } = modelSchema.parse(listModel(file))
  expect({ id, sha256, licence, origin }).toEqual({
    id: known.id,
    sha256: known.sha256,
    licence: known.licence,
    origin: 'server',
  })
  expect(url).toBe(`models/${encodeURIComponent(known.fileName)}`)
  // Another size is another file, whatever it is called.
  expect(listModel({ ...file, sizeBytes: known.sizeBytes - 1 })).not.toHaveProperty('sha256')
})

it('escapes what an address cannot hold', () => {
  const { url } = listModel({ name: 'a b#?/%.gguf', kind: 'file', path: '/x', sizeBytes: 1, origin: 'server' })
  expect(new URL(url, 'http://localhost/').pathname).toBe('/models/a%20b%23%3F%2F%25.gguf')
})
