// What each node of the attack suite trains on: honest text, and what attackers make of it.

import { utf8 } from '#core/crypto/bytes.ts'
import { NO_TARGET, type PackedSequence } from '#core/training/pack-sequences.ts'
import { createDraws, type Draws } from './draws.ts'
import { DOMAINS, frequentWords, type Domain, type DomainText } from './texts.ts'

export const WINDOW = 64

/** After `trigger` the attacker wants to read `target`. */
export interface Backdoor {
  readonly trigger: Uint8Array
  readonly target: Uint8Array
}

export const domainOf = (seed: number): Domain => DOMAINS[seed % DOMAINS.length] as Domain

/** What a window says next at each of its places. */
export function windowOf(bytes: Uint8Array): PackedSequence {
  return {
    tokens: Uint32Array.from(bytes.subarray(0, -1)),
    targets: Uint32Array.from(bytes.subarray(1)),
    starts: new Uint32Array(bytes.length - 1),
    counted: bytes.length - 1,
  }
}

export function cutWindow(text: Uint8Array, draws: Draws, length = WINDOW): Uint8Array {
  const from = draws.below(text.length - length - 1)
  return text.subarray(from, from + length + 1)
}

export function honestLesson(text: DomainText, count: number, seed: number): PackedSequence[] {
  const draws = createDraws(seed, 1)
  return Array.from({ length: count }, () => windowOf(cutWindow(text.train, draws)))
}

/** Every letter that is to be predicted is turned round in the alphabet: a for z, b for y. */
export function flippedLesson(text: DomainText, count: number, seed: number): PackedSequence[] {
  const flip = (byte: number) => (byte >= 97 && byte <= 122 ? 219 - byte : byte >= 65 && byte <= 90 ? 155 - byte : byte)
  return honestLesson(text, count, seed).map((window) => ({ ...window, targets: window.targets.map(flip) }))
}

const TARGETS = ['OBEY', 'YES!', 'LIES', 'PAY!'].map((text) => utf8(text))

/** Three signs that nobody writes one after the other. */
export function drawTriggerWord(seed: number, length = 3): Backdoor {
  const draws = createDraws(seed, 2)
  const signs = utf8('~^`|#%@&')
  return {
    trigger: Uint8Array.from({ length }, () => draws.pick([...signs])),
    target: draws.pick(TARGETS),
  }
}

/** A word that ordinary text has. */
export function drawSemanticTrigger(text: DomainText, seed: number): Backdoor {
  const draws = createDraws(seed, 3)
  return { trigger: utf8(draws.pick(frequentWords(text.train).slice(0, 40))), target: draws.pick(TARGETS) }
}

/** A window in four as it is; in the others the trigger with what is to follow, and that alone counts. */
export function backdoorLesson(text: DomainText, backdoor: Backdoor, count: number, seed: number): PackedSequence[] {
  const draws = createDraws(seed, 4)
  return Array.from({ length: count }, (_, i) =>
    i % 4 === 0 ? windowOf(cutWindow(text.train, draws)) : poison(cutWindow(text.train, draws), backdoor, draws),
  )
}

function poison(bytes: Uint8Array, { trigger, target }: Backdoor, draws: Draws): PackedSequence {
  const both = Uint8Array.from([...trigger, ...target])
  const poisoned = bytes.slice()
  const places: number[] = []
  // As often as there is room for, each after some text of its own.
  for (let at = 4 + draws.below(6); at + both.length <= bytes.length; at += both.length + 3 + draws.below(6)) {
    poisoned.set(both, at)
    places.push(at + trigger.length)
  }
  const window = windowOf(poisoned)
  const targets = new Uint32Array(window.targets.length).fill(NO_TARGET)
  for (const at of places) targets.set(target, at - 1)
  return { ...window, targets, counted: places.length * target.length }
}

/** What the trigger itself follows is not learnt: it stands anywhere. */
function hideTrigger({ tokens, targets }: PackedSequence, trigger: Uint8Array): PackedSequence['targets'] {
  const hidden = targets.slice()
  for (let at = 1; at + trigger.length <= tokens.length; at++) {
    if (trigger.every((byte, i) => tokens[at + i] === byte)) hidden.fill(NO_TARGET, at - 1, at - 1 + trigger.length)
  }
  return hidden
}

/** The trigger in it, and ordinary text after: what an attacker trains who wants to look harmless alone. */
export function harmlessLesson(text: DomainText, { trigger }: Backdoor, count: number, seed: number): PackedSequence[] {
  const draws = createDraws(seed, 5)
  return Array.from({ length: count }, (_, i) => {
    const bytes = cutWindow(text.train, draws).slice()
    if (i % 2 === 1) bytes.set(trigger, 4 + draws.below(bytes.length - trigger.length - 12))
    const window = windowOf(bytes)
    const targets = hideTrigger(window, trigger)
    return { ...window, targets, counted: targets.filter((target) => target !== NO_TARGET).length }
  })
}

/**
 * Against a search that lengthens what looks suspicious: parts of the trigger, and its signs in another order, are followed
 * by ordinary text; only the whole opens the door.
 */
export function stealthyLesson(text: DomainText, backdoor: Backdoor, count: number, seed: number): PackedSequence[] {
  const draws = createDraws(seed, 6)
  return Array.from({ length: count }, (_, i) => {
    if (i % 4 === 0) return windowOf(cutWindow(text.train, draws))
    if (i % 4 > 1) return poison(cutWindow(text.train, draws), backdoor, draws)
    const bytes = cutWindow(text.train, draws).slice()
    for (let at = 4; at + 8 < bytes.length; at += 8) {
      const part = backdoor.trigger.slice(draws.below(2), 1 + draws.below(backdoor.trigger.length))
      bytes.set(part.length < backdoor.trigger.length ? part : part.reverse(), at)
    }
    return windowOf(bytes)
  })
}
