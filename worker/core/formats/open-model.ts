// Opens a model from the files a person chose, by what they are: one GGUF (or its parts), or a Hugging Face folder.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'

const FOLDER_FILE = /\.(safetensors|json|jinja|txt|md|model)$/i
const MAX_FILES = 4096

/** Reads headers only. Throws `FORMAT_*`, `MODEL_UNSUPPORTED`, and what the sources throw. */
export async function openModel(sources: readonly ByteSource[], signal?: AbortSignal): Promise<OpenedModel> {
  if (sources.length === 0 || sources.length > MAX_FILES) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${sources.length} files were given. Choose a .gguf file or a model's folder.`,
    )
  }
  const gguf: ByteSource[] = []
  for (const source of sources) {
    if (await isGguf(source, signal)) gguf.push(source)
  }
  // A tab fetches the reader of the one format that it needs.
  if (gguf.length > 0) {
    const { openGguf } = await import('#core/formats/open-gguf.ts')
    return openGguf(gguf, signal)
  }

  const byName = new Map(sources.map((source) => [baseName(source.name), source]))
  const lone = sources.length === 1 ? sources[0] : undefined
  if (lone !== undefined && lone.name.toLowerCase().endsWith('.safetensors')) byName.set('model.safetensors', lone)
  if (!byName.has('config.json') && !sources.some((source) => FOLDER_FILE.test(source.name))) {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `${sources[0]?.name ?? ''}: neither GGUF nor safetensors. Choose a .gguf file, or the folder with config.json, ` +
        'tokenizer.json and model.safetensors.',
    )
  }
  const { openHuggingFace } = await import('#core/formats/open-huggingface.ts')
  return openHuggingFace(folderName(sources), async (name) => byName.get(name), signal)
}

async function isGguf(source: ByteSource, signal?: AbortSignal): Promise<boolean> {
  // A file that calls itself GGUF is read as one, so that damage at its very start is reported as such.
  if (
    source.name
      .toLowerCase()
      .replace(/[?#].*$/, '')
      .endsWith('.gguf')
  )
    return true
  if (FOLDER_FILE.test(source.name) || source.size < 4) return false
  const magic = await source.read(0, 4, signal)
  return magic[0] === 0x47 && magic[1] === 0x47 && magic[2] === 0x55 && magic[3] === 0x46
}

function baseName(name: string): string {
  return (
    name
      .replace(/[?#].*$/, '')
      .split(/[/\\]/)
      .at(-1) ?? name
  )
}

function folderName(sources: readonly ByteSource[]): string {
  const name = sources[0]?.name ?? ''
  const parts = name.split(/[/\\]/)
  return parts.length > 1 ? (parts.at(-2) ?? name) : sources.length === 1 ? name : 'the chosen files'
}
