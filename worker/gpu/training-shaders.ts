// The shader texts that only training needs, by path: a chunk of their own, which bundled-shaders.ts fetches.

export const trainingShaders = import.meta.glob<string>(
  [
    '../../shaders/*-{backward,train,forward}.wgsl',
    '../../shaders/{column-sum,gradient-norm,linear-narrow,sum-partials}.wgsl',
    '../../shaders/*-gradient{,-tiled}.wgsl',
    '../../shaders/{adamw,add-scaled,cross-entropy,dropout,rope-rotate,scale}.wgsl',
    '../../shaders/lib/{activation-slope,input-gradient,philox}.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
