// Before the tests: makes sure that there is a Chromium, and installs one where this account may. With `--long`, as the
// long suites call it, the same for a TURN server and a Redis.

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
function installDebianPackage(name) {
  const prefix = aptPrefix()
  if (prefix === null) return false
  const install = () => apt(prefix, 'install', '-y', '--no-install-recommends', name)
  return install() || (apt(prefix, 'update') && install())
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
  if (!(isDebian() && installDebianPackage('chromium') && locateChromium() !== null)) installPlaywrightBuild()
}
try {
  findChromium()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

/** What the long suites try the product with, beside Chromium. */
const NEEDED = [
  { name: 'coturn', isThere: () => quietly('turnserver', ['--version']), brew: 'coturn', what: 'relayed links' },
  {
    name: 'redis-server',
    isThere: () => quietly('redis-server', ['--version']),
    brew: 'redis',
    what: 'several server processes',
  },
  { name: 'libvulkan1', isThere: hasVulkanLoader, brew: 'vulkan-loader', what: 'nodes without a browser' },
]
if (process.argv.includes('--long')) {
  for (const { name, isThere, brew, what } of NEEDED) {
    if (isThere()) continue
    console.log(`The long tests need ${name}, and none was found: installing it.`)
    if (installDebianPackage(name) && isThere()) continue
    console.error(
      `${name} could not be installed, and the tests of ${what} need it: install it as an administrator (Debian and Ubuntu: ` +
        `apt-get install ${name}; macOS: brew install ${brew}).`,
    )
    process.exit(1)
  }
}

/** Elsewhere than on Linux the GPU of a process without a browser needs none. */
function hasVulkanLoader() {
  return process.platform !== 'linux' || quietly('sh', ['-c', '/sbin/ldconfig -p | grep -q libvulkan.so.1'])
}
