// `centram model get|list|path|remove`: the catalogue models on this machine.

import { formatBytes, formatTable } from './format.ts'
import { getModel, listModels, modelFolder, removeModels } from './model-files.ts'

/** Fetches a model unless it is here; its path goes to standard output, everything else to standard error. */
export async function runModelGet(id: string): Promise<void> {
  console.log(await fetchWithProgress(id, (line) => console.error(line)))
}

export async function runModelList(): Promise<void> {
  const models = await listModels()
  const rows = models.map((model) => {
    const here = model.path !== null ? 'here' : model.storedBytes > 0 ? `${formatBytes(model.storedBytes)} so far` : ''
    return [model.id, model.title, formatBytes(model.sizeBytes), model.licence, here]
  })
  for (const line of formatTable(['name', 'model', 'size', 'licence', ''], rows)) console.log(line)
  console.log(`\nThey are kept in ${modelFolder()} (CENTRAM_MODELS names another folder).`)
}

/** Prints where a model lies; exit code 1 when it is not here. */
export async function runModelPath(id: string): Promise<number> {
  const model = (await listModels()).find((candidate) => candidate.id === id.toLowerCase())
  if (model?.path) {
    console.log(model.path)
    return 0
  }
  console.error(
    model
      ? `${model.id} is not here yet. Fetch it with \`npx centram model get ${model.id}\`.`
      : `There is no model "${id}" in the catalogue. \`npx centram model list\` shows what there is.`,
  )
  return 1
}

export async function runModelRemove(id: string | undefined): Promise<void> {
  const removed = await removeModels(id)
  console.log(removed.length > 0 ? `Deleted ${removed.join(', ')}.` : 'There was nothing to delete.')
}

/** As `getModel`, with a line for every tenth on the way. */
export async function fetchWithProgress(id: string, say: (line: string) => void): Promise<string> {
  let shown = -1
  return getModel(id, {
    say,
    onProgress(done, total) {
      const tenth = Math.floor((10 * done) / Math.max(1, total))
      if (tenth === shown) return
      shown = tenth
      say(`  ${tenth * 10} % of ${formatBytes(total)}`)
    },
  })
}
