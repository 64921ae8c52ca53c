// Before the tests: makes sure that there is a Chromium, and installs one where this account may.

import { spawnSync } from 'node:child_process'
import { tsImport } from 'tsx/esm/api'

const { findChromium, locateChromium } = await tsImport('../../signaling-server/cli/chromium.ts', import.meta.url)

/** Runs a command in full view; true when it ended well. */
function run(command, args) {
  console.log(`> ${[command, ...args].join(' ')}`)
  return spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
}

function quietly(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** How this account may install a system package, as the words before `apt-get`; null where it may not. */
function aptPrefix() {
  if (process.platform !== 'linux' || !quietly('apt-get', ['--version'])) return null
  if (process.getuid?.() === 0) return []
  return quietly('sudo', ['-n', 'true']) ? ['sudo', '-n'] : null
}

function apt(prefix, ...args) {
  const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]
  return run(command, rest)
}

// Ubuntu's `chromium` package only points to a snap, which does not run in containers: Playwright's own is used there.
function installDebianPackage() {
  const prefix = aptPrefix()
  if (prefix === null) return false
  if (apt(prefix, 'install', '-y', '--no-install-recommends', 'chromium')) return locateChromium() !== null
  return (
    apt(prefix, 'update') &&
    apt(prefix, 'install', '-y', '--no-install-recommends', 'chromium') &&
    locateChromium() !== null
  )
}

function isDebian() {
  return quietly('grep', ['-qx', 'ID=debian', '/etc/os-release'])
}

function installPlaywrightBuild() {
  const withDeps = aptPrefix() === null ? [] : ['--with-deps']
  return run('npx', ['playwright', 'install', ...withDeps, 'chromium'])
}

if (locateChromium() === null && !process.env.CENTRAM_CHROMIUM) {
  console.log('The tests need Chromium, and none was found: installing it.')
  if (!(isDebian() && installDebianPackage())) installPlaywrightBuild()
}
try {
  findChromium()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
