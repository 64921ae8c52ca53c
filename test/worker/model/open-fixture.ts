// Opens one of the tiny models under test/vectors/models from disk.

import { readdirSync, readFileSync } from 'node:fs'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'

const FOLDER = 'test/vectors/models'

export const FIXTURES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

export function openFixture(name: string): Promise<OpenedModel> {
  const files = readdirSync(`${FOLDER}/${name}`).filter((file) => !['golden.json', 'logits.f32'].includes(file))
  return openModel(
    files.map((file) => createMemorySource(`${name}/${file}`, readFileSync(`${FOLDER}/${name}/${file}`))),
  )
}
