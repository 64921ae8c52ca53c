// Builds the page of the link benchmark, which is no part of the web app: simple-peer is a development dependency.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PROJECT_FOLDER } from '../project.ts'

const FOLDER = join(PROJECT_FOLDER, 'dist', 'links')
const require = createRequire(import.meta.url)

/** Path of the page under the folder that it was built to. */
export const LINK_PAGE = 'bench/links/'

export async function ensureLinkPage(): Promise<string> {
  const { build } = await import('vite')
  const root = join(PROJECT_FOLDER, 'web')
  await build({
    configFile: false,
    root,
    base: './',
    publicDir: false,
    logLevel: 'warn',
    build: {
      outDir: FOLDER,
      emptyOutDir: true,
      target: 'es2023',
      rolldownOptions: { input: join(root, 'bench', 'links', 'index.html') },
    },
    worker: { format: 'es' },
  })
  return FOLDER
}

/** Of the libraries that are measured beside ours, as installed. */
export function rivalVersions(): Readonly<Record<string, string>> {
  const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version
  return { peerjs: versionOf('peerjs'), 'simple-peer': versionOf('simple-peer') }
}
