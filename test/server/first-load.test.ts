// What the built page is made of: the script of a first visit stays small, and nothing in it asks for what its policy forbids.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { WEB_FOLDER } from '../../signaling-server/cli/project.ts'
import { ensureWebApp } from '../../signaling-server/cli/web-build.ts'

const MOST_SCRIPT_BYTES = 300_000

const scripts = new Map<string, string>()
let page = ''

beforeAll(async () => {
  await ensureWebApp(() => undefined)
  page = await readFile(join(WEB_FOLDER, 'index.html'), 'utf8')
  for (const name of await readdir(join(WEB_FOLDER, 'assets'))) {
    if (name.endsWith('.js')) scripts.set(name, await readFile(join(WEB_FOLDER, 'assets', name), 'utf8'))
  }
}, 60_000)

/** A script and all that it imports before it runs; what it imports while it runs is left out. */
function withImports(entry: string, found = new Set<string>()): Set<string> {
  const text = scripts.get(entry)
  if (text === undefined || found.has(entry)) return found
  found.add(entry)
  for (const [, name = ''] of text.matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) withImports(name, found)
  return found
}

test('what a visit fetches before anything is asked stays small: page and worker together', () => {
  const entry = /<script type="module"[^>]* src="\.\/assets\/([\w.-]+\.js)"/.exec(page)?.[1] ?? ''
  const onPage = withImports(entry)
  const worker = /new Worker\((?:new URL\()+[`"']([\w./-]*\/)?(?<name>main-[\w-]+\.js)/.exec(
    [...onPage].map((name) => scripts.get(name)).join('\n'),
  )?.groups?.['name']
  expect(worker, 'the name of the worker').toBeDefined()
  const all = new Set([...onPage, ...withImports(worker!)])
  const bytes = [...all].reduce((sum, name) => sum + gzipSync(scripts.get(name)!, { level: 9 }).length, 0)
  console.log(`${all.size} scripts of a first visit, ${bytes} bytes compressed`)
  // Both were found, with what they stand on.
  expect(onPage.size).toBeGreaterThan(2)
  expect(all.size - onPage.size).toBeGreaterThan(2)
  expect(bytes).toBeGreaterThan(100_000)
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES)
})

test('the page has no script and no style of its own beside its files', () => {
  for (const [tag] of page.matchAll(/<script\b[^>]*>/g)) expect(tag).toMatch(/ src="\.\//)
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i)
  // Engines are programs of others, with addresses in their comments, and workers of their own.
  for (const [name, text] of scripts) {
    if (name.startsWith('engine-')) continue
    // Lit writes an attribute where a template has one, which the policy refuses.
    expect(/[<\s]style=["'$].{0,80}/.exec(text)?.[0], `a style attribute in ${name}`).toBeUndefined()
    expect(/https?:\/\/[\w.]+\/[\w./-]+\.js\b/.exec(text)?.[0], `a script of elsewhere in ${name}`).toBeUndefined()
  }
})

test('shaders travel without their comments', () => {
  const shaders = [...scripts.values()].filter((text) => text.includes('@compute'))
  expect(shaders.length).toBeGreaterThan(1)
  expect(shaders.filter((text) => text.includes('Joined before'))).toEqual([])
})
