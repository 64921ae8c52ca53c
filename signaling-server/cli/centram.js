#!/usr/bin/env node
// The `centram` command: checks Node.js, then runs the TypeScript sources through tsx.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Centram needs Node.js 20.19 or newer; this is ${process.versions.node}. See https://nodejs.org/.`)
  process.exit(1)
}

const tsx = await import('tsx/esm/api').catch(() => undefined)
if (!tsx) {
  console.error('The packages of this project are not installed yet. Run `npm ci` in its folder first.')
  process.exit(1)
}
tsx.register()
const { runCommandLine } = await import('./main.ts')
await runCommandLine(process.argv)
