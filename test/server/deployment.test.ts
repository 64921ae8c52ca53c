// The container and the systemd units: what they run is there, and the settings they name are settings.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const commandLine = read('signaling-server/cli/main.ts')

/** `CENTRAM_MODEL_FILE` → `model-file`; a switch may have only its `--no-` form. */
function isSetting(variable: string): boolean {
  const name = variable.replace('CENTRAM_', '').toLowerCase().replaceAll('_', '-')
  return [`'--${name} `, `'--${name}'`, `'--no-${name}'`].some((flag) => commandLine.includes(flag))
}

test.each(['Dockerfile', 'deploy/centram.service', 'deploy/centram-node.service'])('%s names settings', (path) => {
  const variables = [...new Set(read(path).match(/\bCENTRAM_[A-Z_]+/g))]
  expect(variables.length).toBeGreaterThan(0)
  expect(variables.filter((variable) => !isSetting(variable))).toEqual([])
})

test.each([
  ['deploy/centram.service', 'start'],
  ['deploy/centram-node.service', 'node'],
])('%s runs a command that there is', (path, command) => {
  const [, script = '', name] = /^ExecStart=\/usr\/bin\/node \/opt\/centram\/(\S+) (\S+)$/m.exec(read(path)) ?? []
  expect(existsSync(join(ROOT, script))).toBe(true)
  expect(name).toBe(command)
  expect(commandLine).toContain(`.command('${command}')`)
  const [, page = ''] = /^Documentation=file:\/opt\/centram\/(\S+)$/m.exec(read(path)) ?? []
  expect(existsSync(join(ROOT, page))).toBe(true)
})

test('the image runs a script that it holds, as a user of its own, and the build takes in no secrets or modules', () => {
  const dockerfile = read('Dockerfile')
  const [, script = ''] = /^ENTRYPOINT \["tini", "--", "node", "([^"]+)"\]$/m.exec(dockerfile) ?? []
  expect(existsSync(join(ROOT, script))).toBe(true)
  expect(dockerfile).toMatch(/^USER node$/m)
  const copied = /^COPY (.+) \.\/$/m.exec(dockerfile)?.[1]?.split(' ') ?? []
  expect(copied.map((path) => existsSync(join(ROOT, path)))).toEqual([true, true, true])
  const ignored = read('.dockerignore').split('\n')
  for (const path of ['.git', 'node_modules', 'dist']) expect(ignored).toContain(path)
  // What the running program needs must not be left out.
  for (const path of ['web', 'worker', 'shaders', 'signaling-server']) expect(ignored).not.toContain(path)
})
