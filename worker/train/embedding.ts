// Tokens (and learned positions) to the residual stream, and back to the tables where they are trained.

import type { Dispatch } from '../gpu/dispatch.ts'
import { createEmbedding } from '../gpu/kernels/embedding.ts'
import { createEmbeddingBackward } from '../gpu/kernels/embedding-backward.ts'
import type { TrainingScope } from './scope.ts'
import type { TrainingMatrix } from './training-weights.ts'

export interface TrainingEmbedding {
  /** Fills the first residual stream. */
  readonly forward: readonly Dispatch[]
  /** Adds the residual gradient to the tables' gradients; empty where they are frozen. */
  readonly backward: readonly Dispatch[]
}

export async function loadTrainingEmbedding(scope: TrainingScope): Promise<TrainingEmbedding> {
  const { gpu, config, weights, batch, buffers, columns } = scope
  const [tokens] = await weights.matrices('token_embd.weight')
  const [positions] = config.family === 'gpt2' ? await weights.matrices('position_embd.weight') : []
  const output = buffers.residuals[0]
  const forward: Dispatch[] = []
  const backward: Dispatch[] = []
  if (!tokens || !output) return { forward, backward }

  // Positions are gathered as tokens are: those of packed documents begin anew in the middle of a batch.
  const gather = async ({ matrix }: TrainingMatrix, step: typeof batch.step, accumulate: boolean) => {
    const kernel = await createEmbedding(gpu, { dtype: matrix.dtype, columns, index: 'token', accumulate })
    forward.push(...kernel.dispatch({ step, matrix, output }))
  }
  await gather(tokens, batch.step, false)
  if (positions) await gather(positions, batch.positions, true)

  const scatter = await createEmbeddingBackward(gpu, { columns })
  const add = ({ trained }: TrainingMatrix, groups: GPUBuffer) => {
    if (!trained) return
    const { weight: table, gradient: tableGradient } = trained
    backward.push(scatter.dispatch({ groups, table, gradient: buffers.residualGradient, tableGradient }))
  }
  add(tokens, batch.tokenGroups)
  if (positions) add(positions, batch.positionGroups)
  return { forward, backward }
}
