// Builds the web app (page and worker) into dist/web.

import { defineConfig } from 'vite'

export default defineConfig({
  root: 'web',
  base: './',
  publicDir: 'public',
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2023' },
  worker: { format: 'es' },
})
