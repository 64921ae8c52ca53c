// What a stage handed on in one session, kept so that whoever takes over the next stage can compute it again: hidden states
// in the family and the chunks of the first time.

import { DECODE_COLUMNS, type OutputKind, type ResultColumns, type StepFamily } from '../model/shard.ts'

export interface KeptState {
  readonly step: number
  /** Of the first column. */
  readonly position: number
  readonly columns: number
  readonly family: StepFamily
  /** What the last stage was to make of it. */
  readonly output: OutputKind | 'none'
  readonly results: ResultColumns
  /** f32 `[columns, width]`. */
  readonly hidden: Uint8Array
}

export interface KeptStates {
  /** What lay at its position and after it is forgotten. */
  add(state: KeptState): void
  /**
   * All that is needed to build a cache of `length` positions; null where it is no longer whole. Decoded columns that adjoin come
   * together, but (`lastApart`) for the last.
   */
  upTo(length: number, lastApart?: boolean): readonly KeptState[] | null
  /** What was handed on in a step, if it is still there. */
  ofStep(step: number): KeptState | undefined
  clear(): void
}

/** Of one session: 4,096 positions of a model 4,096 wide. Beyond it a lost stage is rebuilt from the tokens. */
const MAX_BYTES = 64 * 1024 * 1024

export function createKeptStates(maxBytes = MAX_BYTES): KeptStates {
  let states: KeptState[] = []
  let bytes = 0
  let whole = true

  return {
    add(state) {
      if (state.position === 0) whole = true
      // A step that begins inside an older one leaves it as it is: the receiver computes it whole, then goes back, as then.
      while ((states.at(-1)?.position ?? -1) >= state.position) bytes -= states.pop()?.hidden.length ?? 0
      if (!whole) return
      states.push(state)
      bytes += state.hidden.length
      if (bytes <= maxBytes) return
      whole = false
      states = []
      bytes = 0
    },
    upTo(length, lastApart = false) {
      if (!whole) return length === 0 ? [] : null
      const wanted = states.filter(({ position }) => position < length)
      const last = wanted.at(-1)
      if (length > 0 && (!last || last.position + last.columns < length)) return null
      return lastApart && last ? [...joinDecoded(wanted.slice(0, -1)), last] : joinDecoded(wanted)
    },
    ofStep: (step) => states.find((state) => state.step === step),
    clear() {
      states = []
      bytes = 0
      whole = true
    },
  }
}

/** Decoded columns do not know their neighbours, so up to eight that adjoin are computed together. */
function joinDecoded(states: readonly KeptState[]): readonly KeptState[] {
  const joined: KeptState[] = []
  let group: KeptState[] = []
  const flush = () => {
    const [first] = group
    const last = group.at(-1)
    if (first && last) {
      const columns = group.reduce((sum, state) => sum + state.columns, 0)
      joined.push({ ...last, position: first.position, columns, hidden: concatenate(group) })
    }
    group = []
  }
  for (const state of states) {
    const before = group.at(-1)
    const columns = group.reduce((sum, { columns: own }) => sum + own, 0)
    const adjoins = before?.position !== undefined && before.position + before.columns === state.position
    if (state.family === 'prefill' || !adjoins || columns + state.columns > DECODE_COLUMNS) flush()
    if (state.family === 'prefill') joined.push(state)
    else group.push(state)
  }
  flush()
  return joined
}

function concatenate(states: readonly KeptState[]): Uint8Array {
  const all = new Uint8Array(states.reduce((sum, { hidden }) => sum + hidden.length, 0))
  let at = 0
  for (const { hidden } of states) {
    all.set(hidden, at)
    at += hidden.length
  }
  return all
}
