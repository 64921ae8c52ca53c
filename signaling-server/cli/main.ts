// The commands of `centram`. Each one loads only when it is asked for, so that `--help` answers at once.

import { Command, InvalidArgumentError, Option } from 'commander'
import { errorMessage, CentramError } from '#core/errors.ts'
import type { BenchOptions } from './bench/bench.ts'
import type { DemoOptions } from './demo/demo.ts'
import type { MergeOptions } from './merge.ts'
import type { EpsilonOptions } from './epsilon.ts'
import { readVersion } from './project.ts'
import type { StartOptions } from './start.ts'
import type { TrainToyOptions } from './toy/train-toy.ts'

const EXIT_GRACE_MS = 3_000
/** Wanted by nothing in particular: any text will do for comparing bits. */
const DEFAULT_PROMPT = 'The whale came up beside the boat, and'

export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
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

  program
    .command('demo')
    .description('run one model in one tab, then split over several, and compare every bit')
    .option('--model <name>', 'toy, a catalogue name, an address, a .gguf or a Hugging Face folder', 'toy')
    .option('--prompt <text>', 'what the model goes on from', DEFAULT_PROMPT)
    .option('--chat', 'put the prompt through the chat template of the model', false)
    .option('--tokens <number>', 'tokens to generate', parseCount(1, 4096), 32)
    .option('--tabs <number>', 'browser processes to split over, 2 to 4', parseCount(2, 4), 2)
    .option('--timeout <seconds>', 'give up after this long without any progress', parseCount(1, 86_400), 120)
    .option('--headed', 'show the browser windows', false)
    .option('--json', 'print one JSON object and nothing else on standard output', false)
    .action(async (options: DemoOptions) => {
      end(await (await import('./demo/demo.ts')).runDemo(options))
    })

  const model = program.command('model').description('fetch, list and find the models of the catalogue')
  model
    .command('get <name>')
    .description('fetch a model, resuming and checking it; prints its path')
    .action(async (name: string) => (await import('./model-command.ts')).runModelGet(name))
  model
    .command('list')
    .description('what there is, and what is here')
    .action(async () => (await import('./model-command.ts')).runModelList())
  model
    .command('path <name>')
    .description('where a fetched model lies')
    .action(async (name: string) => {
      process.exitCode = await (await import('./model-command.ts')).runModelPath(name)
    })
  model
    .command('remove [name]')
    .description('delete a fetched model, or all of them')
    .action(async (name?: string) => (await import('./model-command.ts')).runModelRemove(name))

  program
    .command('epsilon')
    .description('what a private training run costs: ε for a noise, a sampling rate, a length and a δ')
    .requiredOption('--sigma <number>', 'noise multiplier: standard deviation over clip bound', parseNumber)
    .requiredOption('--q <number>', 'probability of each record to be in a batch', parseNumber)
    .requiredOption('--steps <number>', 'steps', parseNumber)
    .requiredOption('--delta <number>', 'δ of the guarantee', parseNumber)
    .option('--json', 'print one JSON object with epsilonRdp and epsilonPld', false)
    .action(async (options: EpsilonOptions) => (await import('./epsilon.ts')).runEpsilon(options))

  program
    .command('merge')
    .description('merge models or LoRA adapters: PEFT folders, Hugging Face folders, safetensors files')
    .requiredOption('--operator <name>', 'how: linear, slerp, ties, dare_ties, lora_svd … (docs/merging.md lists them)')
    .option('--base <path>', 'the model or adapter that the parents come from, where the operator wants one')
    .option('--in <path>', 'a parent (repeatable)', collect, [])
    .option('--weight <number>', 'weight of the parents in their order, or one for all (repeatable)', collectNumber, [])
    .option(
      '--param <name=value>',
      'a parameter of the operator; several values for the parents by commas',
      collect,
      [],
    )
    .option('--seed <number>', 'what random operators draw from', parseCount(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--rank <number>', 'rank of a merged adapter', parseCount(1, 65_536))
    .requiredOption('--out <path>', 'what to write: a folder where the parents are folders, else a file')
    .option('--json', 'print one JSON object and nothing else on standard output', false)
    .action(async (options: MergeOptions) => (await import('./merge.ts')).runMerge(options))

  program
    .command('train-toy')
    .description('train the built-in model anew, resuming where it was stopped; wants `npm install --no-save webgpu`')
    .option('--out <folder>', 'where the model and its training.json are written', 'toy')
    .option('--steps <number>', 'steps of the whole run', parseCount(1, 1_000_000), 4200)
    .option('--batch <number>', 'windows of 128 bytes in a step', parseCount(1, 1024), 4)
    .option('--peak <rate>', 'highest learning rate', parseNumber, 4e-3)
    .option('--save-every <minutes>', 'time between checkpoints', parseNumber, 2)
    .option('--cache <folder>', 'where texts and checkpoints are kept (default: ~/.cache/centram/toy)')
    .option('--gpu <module>', 'module that offers WebGPU to Node.js', 'webgpu')
    .action(async (options: TrainToyOptions) => {
      await (await import('./toy/train-toy.ts')).runTrainToy(options)
      end(0)
    })

  program
    .command('bench')
    .description('time the kernels, whole models and training in headless Chromium, and merging')
    .option(
      '--models <names>',
      'models to time, comma-separated, as --model of the demo; empty for none',
      'toy,smollm2-135m',
    )
    .option('--no-kernels', 'leave the kernels out')
    .option('--no-training', 'leave training out')
    .option('--no-merge', 'leave merging out')
    .option('--python <path>', 'a Python with mergekit, to compare merging with')
    .option('--tokens <number>', 'tokens to generate in each run', parseCount(2, 4096), 16)
    .option('--tabs <number>', 'browser processes of the split runs', parseCount(2, 4), 2)
    .option('--repeats <number>', 'runs to take the median of', parseCount(1, 1000), 5)
    .option('--timeout <seconds>', 'give up after this long without any progress', parseCount(1, 86_400), 180)
    .option('--out <file>', 'where to write the JSON (default: bench-results/<time>.json)')
    .option('--json', 'print the JSON too, alone on standard output', false)
    .action(async (options: BenchOptions) => {
      end(await (await import('./bench/bench.ts')).runBench(options))
    })

  try {
    await program.parseAsync([...argv])
  } catch (error) {
    // A coded error says all a person needs; anything else is a defect, and its stack helps whoever mends it.
    console.error(error instanceof CentramError ? errorMessage(error) : error)
    process.exitCode = 1
  }
}

function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text)
    if (/^\d+$/.test(text) && count >= least && count <= most) return count
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

function parseNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new InvalidArgumentError('It must be a number, such as 0.01 or 1e-5.')
}

/** Ends with `code` even if a browser left something behind that would keep the process alive. */
function end(code: number): void {
  process.exitCode = code
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
}

function collectNumber(text: string, previous: readonly number[]): readonly number[] {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number)) return [...previous, number]
  throw new InvalidArgumentError('It must be a number.')
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}
