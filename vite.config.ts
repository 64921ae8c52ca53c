// Builds the web app (pages and their workers) into dist/web.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  // Absolute, so that the build does not depend on the folder it is started from.
  root: path('web'),
  base: './',
  publicDir: 'public',
  build: {
    outDir: path('dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    rolldownOptions: { input: [path('web/index.html'), path('web/bench/index.html')] },
  },
  worker: { format: 'es' },
})
