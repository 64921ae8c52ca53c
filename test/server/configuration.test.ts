// Settings of a command by flags, environment and file: which wins, and what is said of a wrong one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { afterAll, expect, test } from 'vitest'
import { acceptConfiguration } from '../../signaling-server/cli/configuration.ts'

const folder = mkdtempSync(join(tmpdir(), 'centram-settings-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function parse(flags: readonly string[], environment: Record<string, string> = {}, file?: unknown) {
  let seen: Record<string, unknown> = {}
  const command = new Command('start')
    .exitOverride()
    .addOption(
      new Option('--port <number>')
        .argParser((text) => {
          if (/^\d+$/.test(text)) return Number(text)
          throw new InvalidArgumentError('A port is a number.')
        })
        .default(9740),
    )
    .option('--host <address>', '', '127.0.0.1')
    .option('--lan', '', false)
    .option('--model-file <path>', '', (path: string, before: readonly string[]) => [...before, path], [])
    .option('--ledger <file>', '', 'ledger.sqlite')
    .option('--no-ledger', '')
    .addOption(new Option('--proxy-header <name>').choices(['x-forwarded-for', 'forwarded']).default('x-forwarded-for'))
    .option('--no-open', '')
    .action((options: Record<string, unknown>) => void (seen = options))
  acceptConfiguration(command, environment)
  const path = join(folder, 'settings.json')
  if (file !== undefined) writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file))
  command.parse([...flags, ...(file === undefined ? [] : ['--config', path])], { from: 'user' })
  return seen
}

test('without any of them the defaults hold', () => {
  expect(parse([])).toMatchObject({ port: 9740, host: '127.0.0.1', lan: false, open: true, ledger: 'ledger.sqlite' })
})

test('flags win over the environment, and that over the file', () => {
  const file = { port: 1, host: 'file', 'proxy-header': 'forwarded' }
  const environment = { CENTRAM_PORT: '2', CENTRAM_HOST: 'environment' }
  expect(parse(['--port', '3'], environment, file)).toMatchObject({
    port: 3,
    host: 'environment',
    proxyHeader: 'forwarded',
  })
})

test('switches, lists and what can be turned off are read from the environment', () => {
  const environment = { CENTRAM_LAN: 'yes', CENTRAM_OPEN: 'no', CENTRAM_LEDGER: 'off', CENTRAM_MODEL_FILE: 'a.gguf, b' }
  expect(parse([], environment)).toMatchObject({ lan: true, open: false, ledger: false, modelFile: ['a.gguf', 'b'] })
  expect(parse([], { CENTRAM_LEDGER: '/var/x', CENTRAM_LAN: '0', CENTRAM_HOST: '' })).toMatchObject({
    ledger: '/var/x',
    lan: false,
    host: '127.0.0.1',
  })
})

test('and from the file', () => {
  expect(parse([], {}, { lan: true, open: false, ledger: false, 'model-file': ['a,b'], port: 8000 })).toMatchObject({
    lan: true,
    open: false,
    ledger: false,
    modelFile: ['a,b'],
    port: 8000,
  })
})

test.each([
  [{ CENTRAM_PORT: 'many' }, undefined, 'CENTRAM_PORT: A port is a number.'],
  [{ CENTRAM_LAN: 'perhaps' }, undefined, 'CENTRAM_LAN is a switch: write yes or no, not “perhaps”.'],
  [{ CENTRAM_PROXY_HEADER: 'x' }, undefined, 'CENTRAM_PROXY_HEADER must be one of x-forwarded-for, forwarded.'],
  [{}, { prot: 1 }, 'There is no setting "prot"'],
  [{}, { lan: 'yes' }, '"lan" in '],
  [{}, { host: { a: 1 } }, 'must be a text or a number'],
  [{}, [1], 'must hold one JSON object'],
  [{}, '{', 'cannot be read'],
])('says what is wrong with %j and %j', (environment, file, message) => {
  expect(() => parse([], environment as Record<string, string>, file)).toThrow(message)
})
