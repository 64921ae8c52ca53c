// The commands of `centram`. Each one loads only when it is asked for, so that `--help` answers at once.

import { Command, InvalidArgumentError, Option } from 'commander'
import { errorMessage, CentramError } from '#core/errors.ts'
import type { AskersBenchOptions } from './bench/askers-bench.ts'
import type { BenchOptions } from './bench/bench.ts'
import type { DraftsBenchOptions } from './bench/drafts-bench.ts'
import type { LinkBenchOptions } from './bench/link-bench.ts'
import type { LoadBenchOptions } from './bench/load/load-bench.ts'
import type { ReconciliationBenchOptions } from './bench/reconciliation-bench.ts'
import type { RecoveryBenchOptions } from './bench/recovery-bench.ts'
import type { DemoOptions } from './demo/demo.ts'
import type { DoctorOptions } from './doctor/doctor.ts'
import type { ExperimentOptions } from '../headless/experiment.ts'
import type { GateOptions } from './gate.ts'
import type { MergeOptions } from './merge.ts'
import type { NodeOptions } from '../headless/node-command.ts'
import type { EpsilonOptions } from './epsilon.ts'
import { acceptConfiguration } from './configuration.ts'
import { ledgerFile, readVersion } from './project.ts'
import type { StartOptions } from './start.ts'
import type { TrainToyOptions } from './toy/train-toy.ts'

/** Benchmarks that run by themselves. */
interface BenchAlone {
  readonly askers: boolean
  readonly drafts: boolean
  readonly links: boolean
  readonly load: boolean
  readonly reconciliation: boolean
  readonly recovery: boolean
}

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
    .option('--lan', 'serve the local network over HTTPS, with a certificate made here, and say how others join', false)
    .option('--cert <file>', 'certificate to serve HTTPS with, as PEM')
    .option('--key <file>', 'its private key, as PEM')
    .option('--models <folder>', 'folder of model files to offer, besides the cache of `centram model get`')
    .option('--model-file <path>', 'one more model file or Hugging Face folder to offer (repeatable)', collect, [])
    .addOption(
      new Option('--turn <addresses>', 'TURN servers for nodes that cannot reach each other, comma-separated').env(
        'CENTRAM_TURN',
      ),
    )
    .addOption(
      new Option(
        '--turn-secret <secret>',
        'what the TURN servers have as static-auth-secret; better in the environment',
      ).env('CENTRAM_TURN_SECRET'),
    )
    .addOption(
      new Option(
        '--redis <address>',
        'a Redis by which several server processes share their rooms: redis://host:6379',
      ).env('CENTRAM_REDIS'),
    )
    .option('--no-broker', 'leave out the PeerJS broker under /broker')
    .addOption(
      new Option('--ledger <file>', 'where to keep a copy of the ledger for nodes that are offline')
        .env('CENTRAM_LEDGER')
        .default(ledgerFile()),
    )
    .option('--no-ledger', 'keep no copy of the ledger')
    .option(
      '--trust-proxy <addresses>',
      'proxies in front of it, as addresses or CIDR ranges separated by commas, whose header names the client',
      (text: string, before: readonly string[]) => [...before, ...text.split(',')],
      [],
    )
    .addOption(
      new Option('--proxy-header <name>', 'the header that those proxies write')
        .choices(['x-forwarded-for', 'forwarded'])
        .default('x-forwarded-for'),
    )
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

  program
    .command('node')
    .description('run an always-on node without a browser: it lends its GPU and disk to a room')
    .option('--join <link>', 'invite link of the room, in quotes; without it the room it was in before')
    .option('--server <address>', 'server to open a room at, where there is no invite')
    .option('--ca <file>', 'authority that signed the certificate of the server, as PEM')
    .option('--data <folder>', 'folder for its key, records and models (default: ~/.local/share/centram/node)')
    .option('--name <name>', 'what others see it as')
    .addOption(
      new Option('--gpu <choice>', 'software computes on the processor by SwiftShader')
        .choices(['auto', 'software', 'none'])
        .default('auto'),
    )
    .option('--memory <size>', 'most that models may take on the GPU, such as 6GB', parseSize)
    .option('--gpu-share <part>', 'part of the time that the GPU may compute, above 0 and up to 1', parseNumber, 1)
    .option('--store <size>', 'most that models may take on the disk', parseSize, 32e9)
    .option('--upload <size>', 'most that it gives away a second, such as 2MB', parseSize)
    .option('--stun', 'learn its public address from a STUN server and tell it to the room', false)
    .option('--model <name>', 'model to load and answer with: a name of the list, an address, a file or a folder')
    .option('--solo', 'keep all layers of that model here', false)
    .option('--keep <name>', 'model to store whole, so that others have it from here (repeatable)', collect, [])
    .option('--door', 'let programs that speak OpenAI’s API ask it through the server', false)
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: NodeOptions) => (await import('../headless/node-command.ts')).runNode(options))

  program
    .command('doctor')
    .description('check browser, GPU, port, certificate, TURN and a running server, and say what to mend')
    .addOption(
      new Option('--port <number>', 'port that the server is to have')
        .env('CENTRAM_PORT')
        .argParser(parsePort)
        .default(9740),
    )
    .addOption(new Option('--host <address>', 'address it is to listen on').env('CENTRAM_HOST').default('127.0.0.1'))
    .addOption(new Option('--cert <file>', 'certificate it is to have, as PEM').env('CENTRAM_CERT'))
    .addOption(new Option('--key <file>', 'its private key, as PEM').env('CENTRAM_KEY'))
    .addOption(new Option('--turn <addresses>', 'TURN servers, comma-separated').env('CENTRAM_TURN'))
    .addOption(new Option('--turn-secret <secret>', 'what they have as static-auth-secret').env('CENTRAM_TURN_SECRET'))
    .addOption(new Option('--server <address>', 'a server that runs, as others reach it').env('CENTRAM_SERVER'))
    .addOption(new Option('--ca <file>', 'authority that signed its certificate, as PEM').env('CENTRAM_CA'))
    .addOption(
      new Option('--gpu <choice>', 'what a headless node would compute with')
        .choices(['auto', 'software', 'none'])
        .default('auto'),
    )
    .option('--no-browser', 'start no browser')
    .option('--json', 'print one JSON object and nothing else on standard output', false)
    .action(async (options: DoctorOptions) => {
      end(await (await import('./doctor/doctor.ts')).runDoctor(options))
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
    .command('gate <path>')
    .description('judge genomes on disk: an exported zip, a PEFT folder, a .safetensors file, or a folder of many')
    .option('--base <model>', 'the model they change: toy, a fetched name, a .gguf or a Hugging Face folder')
    .option('--json', 'print one JSON object and nothing else on standard output', false)
    .action(async (path: string, options: GateOptions) => {
      process.exitCode = await (await import('./gate.ts')).runGate(path, options)
    })

  program
    .command('experiment [name]')
    .description('run a published experiment (--list), a .json file or a link from Lab; resumes where it was stopped')
    .option('--list', 'names the published experiments', false)
    .option('--report <folder>', 'what the results in a folder say together, as Markdown')
    .option('--out <folder>', 'where state, result.json and result.csv are kept (default: experiments/NAME)')
    .option('--seeds <number>', 'seeds to run, from 1 on', parseCount(1, 50))
    .option('--rounds <number>', 'rounds of training and exchange', parseCount(1, 200))
    .option('--steps <number>', 'optimiser steps of a node in a round', parseCount(1, 10_000))
    .addOption(
      new Option('--base <base>', 'the built-in model, or one like it before training').choices(['built-in', 'random']),
    )
    .addOption(
      new Option('--gpu <which>', 'the GPU that is found, or the processor')
        .choices(['auto', 'software'])
        .default('auto'),
    )
    .option('--json', 'print the result as one JSON object and nothing else on standard output', false)
    .action(async (name: string | undefined, options: ExperimentOptions) => {
      end(await (await import('../headless/experiment.ts')).runExperimentCommand(name, options))
    })

  program
    .command('train-toy')
    .description('train the built-in model anew, resuming where it was stopped; wants the optional package `webgpu`')
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
    .option('--signatures', 'time signatures and their share of split answers, and nothing else', false)
    .option('--links', 'compare links with other libraries over emulated networks, and nothing else', false)
    .option('--askers', 'compare several askers at a time with one alone, and nothing else', false)
    .option('--asker-count <number>', 'with --askers: how many', parseCount(2, 4), 4)
    .option(
      '--drafts',
      'time answers with and without drafts from the text over a link with delay, and nothing else',
      false,
    )
    .option('--delay <ms>', 'with --drafts: milliseconds added to the round trip', parseCount(0, 10_000), 40)
    .option('--recovery', 'time what it takes an answer to go on when a tab is killed, and nothing else', false)
    .option('--kills <number>', 'with --recovery: tabs to kill, and as many to close', parseCount(1, 1000), 10)
    .option('--load', 'open thousands of sockets to a server and let others abuse it, and nothing else', false)
    .option('--sockets <number>', 'with --load: of nodes in rooms of four', parseCount(8, 9000), 5000)
    .option('--abusers <number>', 'with --load: who flood it', parseCount(0, 500), 500)
    .option('--seconds <number>', 'with --load: how long signals are timed, quiet and flooded', parseCount(1, 600), 15)
    .option('--reconciliation', 'compare sets of records between two nodes, and nothing else', false)
    .option('--records <number>', 'with --reconciliation: in all', parseCount(1, 10_000_000), 100_000)
    .option('--differences <number>', 'with --reconciliation: on one side only', parseCount(0, 1_000_000), 1000)
    .option('--delays <list>', 'with --links: milliseconds added to the round trip, comma-separated', '0,20,40')
    .option('--losses <list>', 'with --links: per cent of packets lost, comma-separated', '0,1')
    .option('--python <path>', 'a Python with mergekit, to compare merging with')
    .option('--tokens <number>', 'tokens to generate in each run', parseCount(2, 4096), 16)
    .option('--tabs <number>', 'browser processes of the split runs', parseCount(2, 4), 2)
    .option('--repeats <number>', 'runs to take the median of', parseCount(1, 1000), 5)
    .option('--timeout <seconds>', 'give up after this long without any progress', parseCount(1, 86_400), 180)
    .option('--out <file>', 'where to write the JSON (default: bench-results/<time>.json)')
    .option('--json', 'print the JSON too, alone on standard output', false)
    .action(
      async (
        options: BenchOptions &
          AskersBenchOptions &
          DraftsBenchOptions &
          LinkBenchOptions &
          LoadBenchOptions &
          ReconciliationBenchOptions &
          RecoveryBenchOptions &
          BenchAlone,
      ) => {
        if (options.askers) {
          end(await (await import('./bench/askers-bench.ts')).runAskersBench(options))
          return
        }
        if (options.drafts) {
          end(await (await import('./bench/drafts-bench.ts')).runDraftsBench(options))
          return
        }
        if (options.load) {
          end(await (await import('./bench/load/load-bench.ts')).runLoadBench(options))
          return
        }
        if (options.reconciliation) {
          end(await (await import('./bench/reconciliation-bench.ts')).runReconciliationBench(options))
          return
        }
        if (options.recovery) {
          end(await (await import('./bench/recovery-bench.ts')).runRecoveryBench(options))
          return
        }
        if (options.links) {
          end(await (await import('./bench/link-bench.ts')).runLinkBench(options))
          return
        }
        const alone = options.signatures ? { kernels: false, training: false, merge: false } : {}
        end(await (await import('./bench/bench.ts')).runBench({ ...options, ...alone }))
      },
    )

  // What runs for good, and is started by something that is no person.
  for (const command of program.commands) {
    if (command.name() === 'start' || command.name() === 'node') acceptConfiguration(command)
  }
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

/** Bytes: a number with or without KB, MB, GB, TB (decimal) or KiB, MiB, GiB, TiB. */
function parseSize(text: string): number {
  const [, digits = '', prefix = '', binary] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text.trim()) ?? []
  const power = ['', 'k', 'm', 'g', 't'].indexOf(prefix.toLowerCase())
  const bytes = Math.round(Number(digits) * (binary === 'i' ? 1024 : 1000) ** power)
  if (digits !== '' && Number.isSafeInteger(bytes)) return bytes
  throw new InvalidArgumentError('Write a size such as 500MB, 8GB or 16GiB.')
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
