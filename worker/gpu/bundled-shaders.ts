// The shader texts as Vite bundles them, for tabs and browser tests: what answers need comes with the worker, what only
// training or a quantised model needs is fetched when it is first asked for. Node.js reads the same files from disk.

import { CentramError } from '#core/errors.ts'
import type { ShaderLibrary } from './shader-library.ts'

const FOLDER = '../../shaders/'
// The same patterns as in training-shaders.ts: Vite wants them written out.
const forAnswers = import.meta.glob<string>(
  [
    '../../shaders/**/*.wgsl',
    '!../../shaders/*-{backward,train,forward}.wgsl',
    '!../../shaders/{column-sum,gradient-norm,linear-narrow,sum-partials}.wgsl',
    '!../../shaders/*-gradient{,-tiled}.wgsl',
    '!../../shaders/{adamw,add-scaled,cross-entropy,dropout,rope-rotate,scale}.wgsl',
    '!../../shaders/lib/{activation-slope,input-gradient,philox}.wgsl',
    '!../../shaders/quant/q*.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)

export const bundledShaders: ShaderLibrary = async (name) => {
  const path = `${FOLDER}${name}.wgsl`
  const text =
    forAnswers[path] ??
    (name.startsWith('quant/')
      ? (await import('./quantised-shaders.ts')).quantisedShaders[path]
      : (await import('./training-shaders.ts')).trainingShaders[path])
  if (text === undefined) throw new CentramError('INTERNAL', `There is no shader called ${name}.`)
  return text
}
