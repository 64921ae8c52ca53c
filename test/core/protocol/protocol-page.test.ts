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

it('finds in the sources what is known to be there, and not what is only declared or sampled', () => {
  const { sent, handled } = readProductUses()
  for (const name of ['SESSION_HELLO', 'SESSION_PING', 'SIGNAL_DESCRIPTION', 'PEER_CAPABILITIES', 'PIPE_ACTIVATION']) {
    expect(sent, name).toContain(name)
    expect(handled, name).toContain(name)
  }
  expect(sent).not.toContain('PROOF_FORK')
  expect(handled).not.toContain('PROOF_FORK')
})

it('has a reason wherever a message may be larger than 64 KiB', () => {
  for (const { name, maxBody, maxTail, large } of MESSAGES) {
    expect(large !== undefined, name).toBe(maxBody + maxTail > 64 * 1024)
  }
})
