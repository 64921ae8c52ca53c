// `centram epsilon`: what a DP-SGD run of given noise, sampling rate and length costs, by both accountants.

import { pldEpsilon } from '#core/privacy/pld-accountant.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'

export interface EpsilonOptions {
  readonly sigma: number
  readonly q: number
  readonly steps: number
  readonly delta: number
  readonly json: boolean
}

export function runEpsilon({ sigma, q, steps, delta, json }: EpsilonOptions): void {
  const mechanism = { sigma, q }
  const { epsilon: epsilonRdp, order } = rdpEpsilon(mechanism, steps, delta)
  const epsilonPld = pldEpsilon(mechanism, steps, delta)
  if (json) {
    process.stdout.write(`${JSON.stringify({ sigma, q, steps, delta, epsilonRdp, order, epsilonPld })}\n`)
    return
  }
  const lines = [
    `ε = ${epsilonPld.toFixed(4)} at δ = ${delta} by the privacy loss distribution`,
    `ε = ${epsilonRdp.toFixed(4)} at δ = ${delta} by Rényi-DP (order ${order})`,
    'Both hold only for Poisson sampling: every record is in a batch by a coin of its own, thrown anew each step.',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
