// Compute pipelines, compiled asynchronously and once per (text, constants). Bind group layouts are read from the
// shader's own declarations, so a binding that a variant leaves unused may still be bound.

import { CentramError } from '#core/errors.ts'
import type { ShaderLibrary } from './shader-library.ts'

export interface PipelineRequest {
  readonly label: string
  /** Library names joined in order, or text: `{ text }`. */
  readonly parts: readonly (string | { readonly text: string })[]
  readonly constants?: Readonly<Record<string, number>>
  readonly entryPoint?: string
}

export interface Pipeline {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  /** A bind group over `entries`, by binding number. */
  bind(entries: Readonly<Record<number, GPUBuffer>>): GPUBindGroup
}

export interface PipelineCache {
  get(request: PipelineRequest): Promise<Pipeline>
  /** Pipelines compiled so far. */
  readonly size: number
}

const BINDING = /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(read_write|read)\s*)?>/g

export function createPipelineCache(device: GPUDevice, shaders: ShaderLibrary): PipelineCache {
  const modules = new Map<string, GPUShaderModule>()
  const pipelines = new Map<string, Promise<Pipeline>>()

  async function compile(request: PipelineRequest, text: string): Promise<Pipeline> {
    let module = modules.get(text)
    if (!module) {
      module = device.createShaderModule({ label: request.label, code: text })
      modules.set(text, module)
    }
    const entries = [...text.matchAll(BINDING)].map(([, binding, space, access]): GPUBindGroupLayoutEntry => {
      const type = space === 'uniform' ? 'uniform' : access === 'read_write' ? 'storage' : 'read-only-storage'
      return { binding: Number(binding), visibility: GPUShaderStage.COMPUTE, buffer: { type } }
    })
    const bindGroupLayout = device.createBindGroupLayout({ label: request.label, entries })
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: request.label,
        layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
        compute: {
          module,
          entryPoint: request.entryPoint ?? 'main',
          ...(request.constants && { constants: { ...request.constants } }),
        },
      })
      return {
        label: request.label,
        pipeline,
        bind: (buffers) =>
          device.createBindGroup({
            label: request.label,
            layout: bindGroupLayout,
            entries: entries.map(({ binding }) => {
              const buffer = buffers[binding]
              if (!buffer) throw new CentramError('INTERNAL', `${request.label}: nothing is bound at ${binding}.`)
              return { binding, resource: { buffer } }
            }),
          }),
      }
    } catch (cause) {
      const info = await module.getCompilationInfo()
      const lines = info.messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`).join('\n')
      throw new CentramError(
        'GPU_FAILED',
        `The shader of ${request.label} does not compile here. ${lines || String(cause)}`,
        {
          cause,
        },
      )
    }
  }

  return {
    async get(request) {
      const parts = request.parts.map(async (part) => (typeof part === 'string' ? shaders(part) : part.text))
      const text = (await Promise.all(parts)).join('\n')
      const key = JSON.stringify([request.entryPoint, request.constants, text])
      let found = pipelines.get(key)
      if (!found) {
        found = compile(request, text)
        pipelines.set(key, found)
        // A failed compilation (a lost device, say) is not kept.
        found.catch(() => pipelines.delete(key))
      }
      return found
    },
    get size() {
      return pipelines.size
    },
  }
}
