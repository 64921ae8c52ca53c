// A thread of the attack suite: judges trials, one after another, as it is told.

import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { openToy } from '#core/toy/toy-model.ts'
import { judgeTrial, measureHarm, openWorld, submissionsOf, type Harm, type Verdict } from './trial.ts'
import { zooFile } from './zoo.ts'

export interface TrialRequest {
  readonly seed: number
  /** All seeds of the run: peers of one trial are attackers and nodes of others. */
  readonly seeds: readonly number[]
  /** Folder of the zoo; null for the committed one. */
  readonly folder: string | null
}

export type TrialAnswer =
  { readonly verdicts: readonly Verdict[]; readonly harms: readonly Harm[] } | { readonly error: string }

const MODEL = new URL('../../web/public/models/toy/model.safetensors', import.meta.url)
let world: ReturnType<typeof openWorld> | undefined

async function run({ seed, seeds, folder }: TrialRequest): Promise<TrialAnswer> {
  const model = await openToy(new Uint8Array(await readFile(MODEL)))
  world ??= openWorld(model, seeds, (each) => zooFile(each, folder === null ? undefined : pathToFileURL(`${folder}/`)))
  const opened = await world
  const submissions = await submissionsOf(opened, seed)
  const verdicts = await judgeTrial(opened, seed, submissions)
  return { verdicts, harms: await measureHarm(opened, seed, submissions, verdicts) }
}

parentPort?.on('message', (request: TrialRequest) => {
  run(request).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) =>
      parentPort?.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
