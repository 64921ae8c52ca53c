// The shader texts as Vite bundles them, for tabs and browser tests. Node.js reads the same files from disk.

import { CentramError } from '#core/errors.ts'
import type { ShaderLibrary } from './shader-library.ts'

const FOLDER = '../../shaders/'
const texts = import.meta.glob<string>('../../shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true })

export const bundledShaders: ShaderLibrary = (name) => {
  const text = texts[`${FOLDER}${name}.wgsl`]
  if (text === undefined) throw new CentramError('INTERNAL', `There is no shader called ${name}.`)
  return text
}
