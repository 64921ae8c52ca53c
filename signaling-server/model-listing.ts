// A local model as the list of models shows it. A file that the public catalogue knows keeps the catalogue's name, licence
// and checksum, so that a page offers it once, from here.

import { CATALOGUE } from '#core/formats/catalogue.ts'
import type { ServedModel } from './api.ts'
import type { OfferedModel } from './model-library.ts'

/** `url` is relative to the page at the server's root. */
export function listModel(model: OfferedModel): ServedModel {
  const address = `models/${encodeURIComponent(model.name)}`
  const served = {
    url: model.kind === 'folder' ? `${address}/` : address,
    origin: model.origin,
    sizeBytes: model.sizeBytes,
  }
  const known = CATALOGUE.find(({ fileName, sizeBytes }) => fileName === model.name && sizeBytes === model.sizeBytes)
  if (known) return { ...served, id: known.id, title: known.title, sha256: known.sha256, licence: known.licence }
  const title = model.origin === 'built-in' ? `Built-in ${model.name} model` : model.name
  return { ...served, id: model.name, title }
}
