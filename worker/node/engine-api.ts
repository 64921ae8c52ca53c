// Engines that are not ours, for who picks one: they answer with a whole model on this device alone.

/**
 * `wllama`: llama.cpp in WebAssembly, on the processor. `onnx`: ONNX Runtime Web, on the GPU. `webllm`: WebLLM, on the GPU, with
 * weights that it fetches itself.
 */
export type EngineName = 'wllama' | 'onnx' | 'webllm'

export interface EngineState {
  readonly engine: EngineName
  readonly modelId: string
}

export interface EngineApi {
  /** Fetches the whole model and has it answered by that engine instead of ours, until it is unloaded or loaded otherwise. */
  loadWithEngine(modelId: string, engine: EngineName): Promise<void>
}
