// What a person most likely wants with the files they gave: train on them, keep them as an adapter, or run them as a model.

export type FilePurpose = 'training' | 'adapter' | 'model'

const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors']
export const TRAINING_ENDINGS = ['.txt', '.md', '.jsonl']

export interface SortedFiles {
  readonly purpose: FilePurpose
  readonly files: readonly File[]
}

/** The folder of a model holds texts too (README.md, merges.txt), so what is no text decides. */
export function sortFiles(files: readonly File[]): SortedFiles {
  const adapter = files.filter(({ name }) => ADAPTER_FILES.includes(name) || name.toLowerCase().endsWith('.zip'))
  if (adapter.length > 0) return { purpose: 'adapter', files: adapter }
  return { purpose: files.every(({ name }) => isTrainingFile(name)) ? 'training' : 'model', files }
}

function isTrainingFile(name: string): boolean {
  return TRAINING_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending))
}
