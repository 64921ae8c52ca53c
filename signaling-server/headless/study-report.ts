// `centram experiment --report FOLDER`: what the runs in a folder say together, as Markdown on standard output.

import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { parseExperiment } from '#core/experiments/experiment.ts'
import { cellsSchema } from '#core/experiments/result.ts'
import { STUDY } from '#core/experiments/study.ts'
import { describeStudy } from '#core/experiments/study-report.ts'
import type { StudyRun } from '#core/experiments/verdict.ts'

const recordSchema = z.object({
  format: z.literal('centram experiment 1'),
  experiment: z.unknown(),
  cells: cellsSchema,
})

/** Returns the exit code. */
export async function reportStudy(folder: string): Promise<number> {
  const runs = await readRuns(resolve(folder))
  console.log(describeStudy(STUDY, runs).join('\n').trimEnd())
  return 0
}

/** Results in the folder, and in folders of it as `--out` writes them; in the order of the study. */
export async function readRuns(folder: string): Promise<StudyRun[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new CentramError('BAD_ARGUMENT', `The folder ${folder} cannot be read: name one with results in it.`, {
      cause: error,
    })
  })
  const paths = entries.flatMap((entry) =>
    entry.isDirectory()
      ? [join(folder, entry.name, 'result.json')]
      : entry.name.endsWith('.json')
        ? [join(folder, entry.name)]
        : [],
  )
  const runs = await Promise.all(paths.map(readRun))
  const place = ({ experiment }: StudyRun) => STUDY.findIndex(({ name }) => name === experiment.name)
  return runs.flatMap((run) => run ?? []).sort((one, other) => place(one) - place(other))
}

/** Null for a folder without a result. */
async function readRun(path: string): Promise<StudyRun | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const { experiment, cells } = recordSchema.parse(JSON.parse(text))
    return { experiment: parseExperiment(experiment), cells }
  } catch (error) {
    throw new CentramError('BAD_ARGUMENT', `${path} holds no result of an experiment: take it out of the folder.`, {
      cause: error,
    })
  }
}
