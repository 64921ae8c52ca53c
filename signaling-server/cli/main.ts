// The commands of `centram`. Each one loads only when it is asked for, so that `--help` answers at once.

import { Command, InvalidArgumentError, Option } from 'commander'
import { errorMessage, CentramError } from '#core/errors.ts'
import { readVersion } from './project.ts'
import type { StartOptions } from './start.ts'

export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const program = new Command('centram')
    .description('A peer network for local AI that lives in browser tabs')
    .version(readVersion())
    .showHelpAfterError()

  program
    .command('start')
    .description('build the web app where needed, start the server and print its address')
    .addOption(
      new Option('--port <number>', 'port to listen on').env('CENTRAM_PORT').argParser(parsePort).default(9740),
    )
    .option('--host <address>', 'address to listen on; 0.0.0.0 for every network', '127.0.0.1')
    .option('--models <folder>', 'folder of model files to offer, besides the cache of `centram model get`')
    .option('--model-file <path>', 'one more model file or Hugging Face folder to offer (repeatable)', collect, [])
    .option('--no-open', 'do not open a browser')
    .action(async (options: StartOptions) => (await import('./start.ts')).runStart(options))

  try {
    await program.parseAsync([...argv])
  } catch (error) {
    // A coded error says all a person needs; anything else is a defect, and its stack helps whoever mends it.
    console.error(error instanceof CentramError ? errorMessage(error) : error)
    process.exitCode = 1
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}
