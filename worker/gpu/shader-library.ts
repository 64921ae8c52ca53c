// Where shader texts come from: bundled in a tab, read from disk in Node.js.

/** WGSL text by path under shaders/ without the suffix: `rms-norm`, `quant/q4-k`, `lib/step`. A tab fetches some when asked. */
export type ShaderLibrary = (name: string) => string | Promise<string>
