// docs/protocol.md says what the code says.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { MESSAGES } from '#core/protocol/registry.ts'
import { readProductUses } from './product-uses.ts'
import { writeProtocolPage } from './protocol-page.ts'

const PAGE = new URL('../../../docs/protocol.md', import.meta.url)

it('is the page that the registry and the sources give', () => {
  const written = readFileSync(PAGE, 'utf8')
  expect(written, 'docs/protocol.md drifted: run npx tsx test/vectors/protocol/make.ts').toBe(
    writeProtocolPage(readProductUses()),
  )
})

it('finds that the product sends and handles every message of the registry', () => {
  const { sent, handled } = readProductUses()
  const names = MESSAGES.map(({ name }) => name)
  expect(names.filter((name) => !sent.has(name))).toEqual([])
  expect(names.filter((name) => !handled.has(name))).toEqual([])
})

it('has a reason wherever a message may be larger than 64 KiB', () => {
  for (const { name, maxBody, maxTail, large } of MESSAGES) {
    expect(large !== undefined, name).toBe(maxBody + maxTail > 64 * 1024)
  }
})
