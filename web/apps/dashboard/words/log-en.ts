// English words of the log, by what happened.

import type { LogWords } from './log-sentence.ts'

const REASONS = {
  paused: 'it is paused',
  leaving: 'it is leaving the room',
  'in-use': 'the device is in use',
  'idle-unknown': 'it is not known whether the device is in use',
  'on-battery': 'the device is on its battery',
  'power-unknown': 'it is not known whether the device is on mains power',
}
const SERVER = { none: 'there is none', connecting: 'is being looked for', open: 'connected', closed: 'unreachable' }
const RUN: Readonly<Record<string, string>> = {
  preparing: 'is being prepared',
  running: 'trains',
  pausing: 'is being paused',
  paused: 'is paused',
  finished: 'has ended',
  failed: 'failed',
}

export const logEn: LogWords = {
  started: ({ name }) => `${name} started.`,
  'gpu-ready': ({ gpu }, { bytes }) => `The GPU is open: ${gpu}, ${bytes} for weights and caches.`,
  'gpu-none': ({ message }) => `No GPU in use: ${message}`,
  server: ({ state, reason }) => `Server: ${SERVER[state]}${reason ? ` (${reason})` : ''}.`,
  'room-entered': () => 'Entered a room.',
  'room-left': () => 'Left the room.',
  'peer-joined': ({ name }) => `${name} is linked.`,
  'peer-left': ({ name }) => `${name} left.`,
  'peer-silent': ({ name }) => `${name} does not answer.`,
  'peer-back': ({ name }) => `${name} answers again.`,
  'peer-path': ({ name, path }) =>
    path === 'relayed' ? `The link to ${name} goes through a relay.` : `The link to ${name} is a straight one.`,
  'model-loading': ({ title }) => `${title} is being loaded.`,
  'model-ready': ({ title, layers, nodes }) =>
    `${title} answers: ${layers} layers on ${nodes === 1 ? 'this node' : `${nodes} nodes`}.`,
  'model-failed': ({ title, message }) => `${title} could not be loaded: ${message}`,
  'model-unloaded': ({ title }) => `${title} was unloaded.`,
  'model-removed': ({ title }) => `What was stored of ${title} was deleted.`,
  'stage-moved': ({ from, to }, { layers }) => `${to} took over ${layers} from ${from}.`,
  'stage-lost': ({ name }, { layers }) => `${name} lost ${layers}.`,
  lending: ({ title, name, last }, { layers }) =>
    last === 0 ? `Layers of ${title} are kept ready for ${name}.` : `Holds ${layers} of ${title} for ${name}.`,
  'lent-back': ({ title, name }) => `Holds nothing of ${title} for ${name} any more.`,
  answered: ({ name, tokens }, { rate }) =>
    `${name === null ? 'You were' : `${name} was`} answered: ${tokens} tokens, ${rate}.`,
  'answer-failed': ({ name, message }) => `An answer to ${name ?? 'you'} failed: ${message}`,
  limits: (_event, { limits }) => `Limits set: ${limits}.`,
  resting: ({ reason }) => `Helps nobody: ${REASONS[reason]}.`,
  helping: () => 'Helps others.',
  'over-memory': (_event, { used, limit }) =>
    `${used} on the GPU are more than the ${limit} allowed: gives back what is too much.`,
  run: ({ name, status }) => `Training “${name}” ${RUN[status] ?? status}.`,
  'genome-added': ({ name }) => `Genome “${name}” was added.`,
  'genome-removed': ({ name }) => `Genome “${name}” was removed.`,
  'refused-parts': ({ count }) =>
    `${count} received ${count === 1 ? 'part was' : 'parts were'} not what they should be: refused.`,
  notice: ({ message }) => message,
  limitWords: {
    memory: (bytes) => `memory ${bytes}`,
    anyMemory: 'memory as suggested',
    share: (percent) => `GPU time ${percent}`,
    idle: 'only while the device is unused',
    mains: 'only on mains power',
    paused: 'paused',
  },
}
