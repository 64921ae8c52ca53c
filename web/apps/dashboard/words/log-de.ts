// German words of the log, by what happened.

import type { LogWords } from './log-sentence.ts'

const REASONS = {
  paused: 'er ist angehalten',
  leaving: 'er verlässt den Raum',
  'in-use': 'das Gerät wird benutzt',
  'idle-unknown': 'es ist nicht bekannt, ob das Gerät benutzt wird',
  'on-battery': 'das Gerät läuft auf Akku',
  'power-unknown': 'es ist nicht bekannt, ob das Gerät am Netz hängt',
}
const SERVER = { none: 'es gibt keinen', connecting: 'wird gesucht', open: 'verbunden', closed: 'nicht erreichbar' }
const RUN: Readonly<Record<string, string>> = {
  preparing: 'wird vorbereitet',
  running: 'läuft',
  pausing: 'wird angehalten',
  paused: 'ist angehalten',
  finished: 'ist zu Ende',
  failed: 'ist gescheitert',
}

export const logDe: LogWords = {
  started: ({ name }) => `${name} ist gestartet.`,
  'gpu-ready': ({ gpu }, { bytes }) => `Die GPU ist offen: ${gpu}, ${bytes} für Gewichte und Zwischenspeicher.`,
  'gpu-none': ({ message }) => `Keine GPU in Gebrauch: ${message}`,
  server: ({ state, reason }) => `Server: ${SERVER[state]}${reason ? ` (${reason})` : ''}.`,
  'room-entered': () => 'Einen Raum betreten.',
  'room-left': () => 'Den Raum verlassen.',
  'peer-joined': ({ name }) => `${name} ist verbunden.`,
  'peer-left': ({ name }) => `${name} ist gegangen.`,
  'peer-silent': ({ name }) => `${name} antwortet nicht.`,
  'peer-back': ({ name }) => `${name} antwortet wieder.`,
  'peer-path': ({ name, path }) =>
    path === 'relayed' ? `Die Verbindung zu ${name} läuft über ein Relais.` : `Die Verbindung zu ${name} ist direkt.`,
  'model-loading': ({ title }) => `${title} wird geladen.`,
  'model-ready': ({ title, layers, nodes }) =>
    `${title} antwortet: ${layers} Schichten auf ${nodes === 1 ? 'diesem Knoten' : `${nodes} Knoten`}.`,
  'model-failed': ({ title, message }) => `${title} konnte nicht geladen werden: ${message}`,
  'model-unloaded': ({ title }) => `${title} wurde entladen.`,
  'model-removed': ({ title }) => `Was von ${title} gespeichert war, ist gelöscht.`,
  'stage-moved': ({ from, to }, { layers }) => `${to} hat ${layers} von ${from} übernommen.`,
  'stage-lost': ({ name }, { layers }) => `${name} hat ${layers} verloren.`,
  lending: ({ title, name, last }, { layers }) =>
    last === 0 ? `Hält Schichten von ${title} für ${name} bereit.` : `Hält ${layers} von ${title} für ${name}.`,
  'lent-back': ({ title, name }) => `Hält nichts mehr von ${title} für ${name}.`,
  answered: ({ name, tokens }, { rate }) => `Antwort für ${name ?? 'dich'}: ${tokens} Token, ${rate}.`,
  'answer-failed': ({ name, message }) => `Eine Antwort für ${name ?? 'dich'} ist gescheitert: ${message}`,
  limits: (_event, { limits }) => `Grenzen gesetzt: ${limits}.`,
  resting: ({ reason }) => `Hilft niemandem: ${REASONS[reason]}.`,
  helping: () => 'Hilft anderen.',
  'over-memory': (_event, { used, limit }) =>
    `${used} auf der GPU sind mehr als die erlaubten ${limit}: Was zu viel ist, wird zurückgegeben.`,
  run: ({ name, status }) => `Das Training „${name}“ ${RUN[status] ?? status}.`,
  'genome-added': ({ name }) => `Genom „${name}“ ist dazugekommen.`,
  'genome-removed': ({ name }) => `Genom „${name}“ wurde entfernt.`,
  'refused-parts': ({ count }) =>
    count === 1
      ? 'Ein empfangenes Stück war nicht, was es sein sollte: abgelehnt.'
      : `${count} empfangene Stücke waren nicht, was sie sein sollten: abgelehnt.`,
  notice: ({ message }) => message,
  limitWords: {
    memory: (bytes) => `Speicher ${bytes}`,
    anyMemory: 'Speicher wie vorgeschlagen',
    share: (percent) => `GPU-Zeit ${percent}`,
    idle: 'nur solange niemand das Gerät benutzt',
    mains: 'nur am Stromnetz',
    paused: 'angehalten',
  },
}
