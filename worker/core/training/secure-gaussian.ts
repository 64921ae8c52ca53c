// Gaussian noise and Poisson sampling for private training, from bytes of a cryptographic source: what protects people must
// not follow from a seed that is published with the result.

/** `length` bytes that nobody can foretell: `crypto.getRandomValues` in a tab. */
export type SecureRandom = (length: number) => Uint8Array

/** `getRandomValues` fills this much at a time, at most. */
const CHUNK_BYTES = 65_536
const BYTES_PER_UNIFORM = 8
/** Uniforms an output takes: four Gaussians, two a Box-Muller pair. */
const PER_SAMPLE = 4

/**
 * Standard normal values. Each is half the sum of four Box-Muller draws, so that the gaps between the floating-point
 * values of one draw do not tell the noise from the sum (Holohan and Braghin, "Secure random sampling in differential
 * privacy", 2021).
 */
export function drawGaussians(count: number, random: SecureRandom): Float64Array {
  const uniforms = createUniforms(random)
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let pair = 0; pair < PER_SAMPLE / 2; pair++) {
      // 1 - u lies in (0, 1], so the logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log(1 - uniforms()))
      const angle = 2 * Math.PI * uniforms()
      sum += radius * Math.cos(angle) + radius * Math.sin(angle)
    }
    values[i] = sum / 2
  }
  return values
}

/** Of 0 to `count - 1`, each with probability `rate`, independently of all others. */
export function drawPoissonSample(count: number, rate: number, random: SecureRandom): number[] {
  const uniforms = createUniforms(random)
  const chosen: number[] = []
  for (let index = 0; index < count; index++) if (uniforms() < rate) chosen.push(index)
  return chosen
}

/** Uniform in [0, 1) with 53 bits. */
function createUniforms(random: SecureRandom): () => number {
  let bytes = new Uint8Array()
  let at = 0
  return () => {
    if (at + BYTES_PER_UNIFORM > bytes.length) {
      bytes = new Uint8Array(random(CHUNK_BYTES))
      at = 0
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, BYTES_PER_UNIFORM)
    at += BYTES_PER_UNIFORM
    return ((view.getUint32(0) >>> 5) * 2 ** 26 + (view.getUint32(4) >>> 6)) / 2 ** 53
  }
}
