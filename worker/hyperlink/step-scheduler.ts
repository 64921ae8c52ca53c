// Turns on this node's GPU. Steps of all sessions, whoever asked, wait in one place: askers take turns, and within an asker its
// sessions, so that a long prompt yields after each chunk. Decode steps that wait for the same weights at the same time run as
// one; their bits are those of each alone.

import type { Clock, Timer } from '#core/clock.ts'
import { CentramError } from '#core/errors.ts'
import {
  DECODE_COLUMNS,
  type OutputKind,
  type ResultColumns,
  type Shard,
  type ShardSession,
  type StepFamily,
  type StepInput,
  type StepOutput,
} from '../model/shard.ts'
import { createTurns, type Turns } from './turns.ts'

export interface StepScheduler {
  /** `shard` as one asker uses it: its steps wait their turn here. Disposing of it closes the asker's sessions alone. */
  lend(shard: Shard, asker: string): Shard
  /** Steps that ran, and the columns and sessions in them. */
  readonly counts: { readonly steps: number; readonly sessions: number; readonly columns: number }
}

/** How much of the time steps may take. */
export interface StepPace {
  /** Milliseconds until the next step may begin. */
  wait(): number
  /** A step begins; the function returned says that it is done. */
  begin(): () => void
  /** Whether there is rest between steps. */
  isLimited(): boolean
}

interface Job {
  readonly flow: Flow
  readonly input: StepInput
  readonly family: StepFamily
  readonly output: OutputKind | 'none'
  readonly results: ResultColumns | undefined
  readonly columns: number
  /** Where in the session it begins: what lies after is forgotten when its turn comes. */
  readonly position: number
  resolve(output: StepOutput | undefined): void
  reject(error: unknown): void
}

/** One session's steps. */
interface Flow {
  readonly shard: Shard
  readonly asker: string
  readonly session: ShardSession
  readonly jobs: Job[]
  /** When its latest decode step was done; null while one waits or runs. */
  idleSince: number | null
  /** How soon after its latest decode step but one the next was there, in milliseconds. */
  gapMs: number
}

/**
 * A step waits for sessions that are sure to be back within this part of the time a step takes: those that took turns would
 * otherwise never meet.
 */
const WORTH_WAITING = 0.25
/** Steps of a prefill that are submitted at once: while one runs, the next is prepared. */
const PREFILL_DEPTH = 2

const NO_PACE: StepPace = { wait: () => 0, begin: () => () => undefined, isLimited: () => false }

export function createStepScheduler(clock: Clock, pace: StepPace = NO_PACE): StepScheduler {
  const flows = new Set<Flow>()
  const turns: Turns<Flow> = createTurns((flow) => flow.asker)
  const running = new Set<readonly Job[]>()
  const counts = { steps: 0, sessions: 0, columns: 0 }
  /** Running mean of what a decode step takes, in milliseconds. */
  let stepMs = 0
  let gathering: Timer | undefined
  /** A step was put off once for those who are about to be back. */
  let gathered = false
  let resting: Timer | undefined

  function enqueue(job: Job): void {
    const { flow } = job
    if (flow.idleSince !== null) flow.gapMs = clock.now() - flow.idleSince
    flow.idleSince = null
    flow.jobs.push(job)
    turns.wait(flow)
    advance()
  }

  function advance(): void {
    for (;;) {
      const flow = turns.next()
      const job = flow?.jobs[0]
      if (!flow || !job || !mayStart(job)) return
      const rest = pace.wait()
      if (rest > 0) {
        resting ??= clock.setTimeout(() => {
          resting = undefined
          advance()
        }, rest)
        return
      }
      if (job.family === 'decode' && isWorthWaiting(flow.shard)) return
      gathered = false
      clock.clearTimeout(gathering)
      gathering = undefined
      const batch = job.family === 'decode' ? collect(flow, job) : [job]
      for (const taken of batch) take(taken)
      run(batch)
    }
  }

  function mayStart({ family }: Job): boolean {
    if (running.size === 0) return true
    const isFilling = [...running].every(([job]) => job?.family === 'prefill')
    return family === 'prefill' && isFilling && running.size < PREFILL_DEPTH && !pace.isLimited()
  }

  /** Whether others are about to ask for a step on these weights: then it starts with them, or when their time is over. */
  function isWorthWaiting(shard: Shard): boolean {
    if (gathered) return false
    const now = clock.now()
    const limit = stepMs * WORTH_WAITING
    const left = [...flows].flatMap(({ shard: other, idleSince, gapMs }) =>
      other === shard && idleSince !== null && gapMs <= limit && now < idleSince + limit
        ? [idleSince + limit - now]
        : [],
    )
    if (left.length === 0) return false
    gathering ??= clock.setTimeout(
      () => {
        gathering = undefined
        gathered = true
        advance()
      },
      Math.max(...left),
    )
    return true
  }

  /** The decode steps that wait for the same weights, in order of their turns, as far as they fit beside the first. */
  function collect(first: Flow, job: Job): Job[] {
    const batch = [job]
    let { columns } = job
    for (const flow of turns.order()) {
      const other = flow.jobs[0]
      if (flow === first || flow.shard !== first.shard || other?.family !== 'decode') continue
      if (columns + other.columns > DECODE_COLUMNS) continue
      columns += other.columns
      batch.push(other)
    }
    return batch
  }

  function take({ flow }: Job): void {
    flow.jobs.shift()
    turns.serve(flow, flow.jobs.length > 0)
  }

  function run(batch: readonly Job[]): void {
    const began = clock.now()
    running.add(batch)
    counts.steps++
    counts.sessions += batch.length
    counts.columns += batch.reduce((sum, { columns }) => sum + columns, 0)
    const done = pace.begin()
    const outputs = start(batch)
    for (const [index, job] of batch.entries()) outputs[index]?.then(job.resolve, job.reject)
    void Promise.allSettled(outputs).then(() => {
      done()
      running.delete(batch)
      if (batch[0]?.family === 'decode') {
        const now = clock.now()
        stepMs = stepMs === 0 ? now - began : stepMs * 0.75 + (now - began) * 0.25
        for (const { flow } of batch) if (flow.jobs.length === 0) flow.idleSince = now
      }
      advance()
    })
  }

  function start(batch: readonly Job[]): readonly Promise<StepOutput | undefined>[] {
    const ready = batch.map((job) => {
      const { session } = job.flow
      // An earlier step of the session was refused, so this one has nothing to go on from.
      if (session.length < job.position) return outOfStep(session)
      if (session.length > job.position) session.trim(job.position)
      return null
    })
    const fit = batch.filter((_, index) => ready[index] === null)
    const outputs = fit.length > 1 ? runTogether(fit) : fit.map(runAlone)
    return batch.map((job, index) => ready[index] ?? outputs[fit.indexOf(job)] ?? Promise.resolve(undefined))
  }

  return {
    counts,
    lend(shard, asker) {
      const lent = new Set<ShardSession>()
      return {
        ...pick(shard),
        async openSession(contextLength) {
          const session = await shard.openSession(contextLength)
          const flow: Flow = { shard, asker, session, jobs: [], idleSince: null, gapMs: Infinity }
          flows.add(flow)
          turns.join(flow)
          const facade = openFacade(flow, () => {
            flows.delete(flow)
            turns.leave(flow)
            lent.delete(facade)
            // Nobody is waited for who has left.
            advance()
          })
          lent.add(facade)
          return facade
        },
        stepTogether: (steps) =>
          steps.map(({ session, input, output, results }) => session.step(input, 'decode', output, results)),
        dispose() {
          for (const session of [...lent]) session.dispose()
        },
      }
    },
  }

  /** The session as its asker sees it: `length` counts the steps that wait. */
  function openFacade(flow: Flow, onDispose: () => void): ShardSession {
    const { session, jobs } = flow
    const { width } = flow.shard.config
    let length = session.length
    let disposed = false
    const closed = () => new CentramError('BAD_ARGUMENT', 'The session was closed.')
    return {
      contextLength: session.contextLength,
      get length() {
        return length
      },
      step(input, family, output, results) {
        if (disposed) return Promise.reject(closed())
        const columns = 'tokens' in input ? input.tokens.length : input.hidden.length / width
        const position = length
        length = Math.min(position + Math.max(1, Math.ceil(columns)), session.contextLength)
        const done = new Promise<StepOutput | undefined>((resolve, reject) => {
          enqueue({ flow, input, family, output, results, columns, position, resolve, reject })
        })
        done.catch(() => {
          // Where it was refused, the session stands where it stood.
          if (jobs.length === 0) length = Math.min(length, session.length)
        })
        return done
      },
      trim(to) {
        if (!Number.isInteger(to) || to < 0 || to > length) {
          throw new CentramError('BAD_ARGUMENT', `A session of ${length} positions cannot be trimmed to ${to}.`)
        }
        length = to
        if (jobs.length === 0 && session.length > to) session.trim(to)
      },
      dispose() {
        if (disposed) return
        disposed = true
        for (const job of jobs.splice(0)) job.reject(closed())
        session.dispose()
        onDispose()
      },
    }
  }
}

function runTogether(batch: readonly Job[]): readonly Promise<StepOutput | undefined>[] {
  const [first] = batch
  return (
    first?.flow.shard.stepTogether(
      batch.map(({ flow, input, output, results }) => {
        return { session: flow.session, input, output, ...(results && { results }) }
      }),
    ) ?? []
  )
}

const runAlone = ({ flow, input, family, output, results }: Job) => flow.session.step(input, family, output, results)

const outOfStep = (session: ShardSession) =>
  Promise.reject<undefined>(
    new CentramError('BAD_ARGUMENT', `The step before was refused: the session stands at ${session.length}.`),
  )

/** What of a shard is the same for all who use it. */
function pick(shard: Shard): Omit<Shard, 'openSession' | 'stepTogether' | 'dispose'> {
  const { config, range, hasEmbedding, hasHead, weightBytes } = shard
  return {
    config,
    range,
    hasEmbedding,
    hasHead,
    weightBytes,
    sessionBytes: (contextLength) => shard.sessionBytes(contextLength),
    adapterBytes: () => shard.adapterBytes(),
    setAdapters: (adapters) => shard.setAdapters(adapters),
  }
}
