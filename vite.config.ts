// Builds the web app (pages and their workers) into dist/web.

import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { offlineBuild, SERVICE_WORKER } from './signaling-server/cli/offline-build.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Shaders travel without their comments and indentation, which are a third of them and say nothing to a GPU. */
function shortenShaders(): Plugin {
  return {
    name: 'shorten-shaders',
    apply: 'build',
    transform: {
      filter: { id: /\.wgsl\?raw$/ },
      handler: (code) => code.replaceAll(/(?:[ \t]*\/\/(?:(?!\\n)[^"])*)?(?:\\n[ \t]*)+/g, '\\n'),
    },
  }
}

export default defineConfig({
  // Absolute, so that the build does not depend on the folder it is started from.
  root: path('web'),
  base: './',
  publicDir: 'public',
  plugins: [shortenShaders(), offlineBuild()],
  build: {
    outDir: path('dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    rolldownOptions: {
      input: [path('web/index.html'), path('web/bench/index.html'), path('worker/service-worker.ts')],
      // A service worker has the whole page under it only from the page's own folder.
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? SERVICE_WORKER : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es', plugins: () => [shortenShaders()] },
})
