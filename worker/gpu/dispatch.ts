// One prepared compute dispatch. A model's step is a list of them, built once and replayed for every token:
// what changes between steps (positions, token ids, hidden state) lives in buffers, not in the list.

export interface Dispatch {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  readonly bindGroup: GPUBindGroup
  readonly workgroups: readonly [x: number, y: number, z: number]
}

/** Records `dispatches` in order into one compute pass. */
export function recordDispatches(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
  let pipeline: GPUComputePipeline | undefined
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) pass.setPipeline(dispatch.pipeline)
    pipeline = dispatch.pipeline
    pass.setBindGroup(0, dispatch.bindGroup)
    pass.dispatchWorkgroups(...dispatch.workgroups)
  }
}
