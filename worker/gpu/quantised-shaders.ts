// The shader texts that read quantised weights, by path: a chunk of their own, which bundled-shaders.ts fetches.

export const quantisedShaders = import.meta.glob<string>('../../shaders/quant/q*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
})
