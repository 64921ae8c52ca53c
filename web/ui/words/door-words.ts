// The words of the door for other programs, in the language of the page.

import { wordsOf } from '../language.ts'

const en = {
  title: 'Door for other programs',
  intro:
    'Editors, notes and other programs that speak OpenAI’s API can ask the models of this node and its room. Their questions go through this page’s server, which can read them. Answers are computed here, in turn with yours.',
  open: 'Open the door',
  close: 'Close the door',
  states: {
    closed: 'Closed. No program outside can ask.',
    connecting: 'Connecting to the server…',
    open: 'Open. Programs with one of the keys below can ask, as long as this page stays open.',
    refused: 'The server does not take this door:',
  },
  again: (reason: string) => `Not connected (${reason}). It is tried again by itself.`,
  noServer: 'This page came without a server, and a door needs one. Open the page from a server, such as npm start.',
  address: 'Base address',
  copyAddress: 'Copy the base address',
  models: 'Models',
  noModels: 'None at the moment. Load a model above; the door answers with what is loaded.',
  keys: 'Keys',
  noKeys: 'No program can ask yet. Make a key for each one; you can take each back by itself.',
  keyName: 'For which program',
  keyNameHint: 'Editor on the laptop',
  perDay: 'Tokens a day',
  perMinute: 'Requests a minute',
  unlimited: 'no limit',
  make: 'Make a key',
  madeFor: (name: string) => `The key for “${name}”`,
  madeOnce: 'Copy it now. It is shown this once, and only its hash is kept.',
  copyKey: 'Copy the key',
  done: 'I have it',
  usedToday: (used: string, most: string | null) =>
    most === null ? `${used} tokens today` : `${used} of ${most} tokens today`,
  rate: (perMinute: string) => `${perMinute} requests a minute`,
  remove: 'Remove',
  removeQuestion: 'Its program is refused from now on.',
  passed: (requests: string, tokens: string) => `${requests} requests and ${tokens} tokens since this node started.`,
  running: (count: number) =>
    count === 1 ? '1 question is being answered.' : `${count} questions are being answered.`,
  how: 'How a program uses it',
  howText:
    'Where a program asks for an OpenAI base address and a key, give it these. An adapter is chosen as a model, by the name with the colon.',
}

const de: typeof en = {
  title: 'Tür für andere Programme',
  intro:
    'Editoren, Notizbücher und andere Programme, die die Schnittstelle von OpenAI sprechen, können die Modelle dieses Knotens und seines Raums fragen. Ihre Fragen gehen durch den Server dieser Seite, der sie lesen kann. Gerechnet wird hier, abwechselnd mit deinen eigenen.',
  open: 'Tür öffnen',
  close: 'Tür schließen',
  states: {
    closed: 'Geschlossen. Kein Programm von außen kann fragen.',
    connecting: 'Verbindet sich mit dem Server …',
    open: 'Offen. Programme mit einem der Schlüssel unten können fragen, solange diese Seite offen bleibt.',
    refused: 'Der Server nimmt diese Tür nicht an:',
  },
  again: (reason) => `Nicht verbunden (${reason}). Es wird von selbst wieder versucht.`,
  noServer:
    'Diese Seite kam ohne Server, und eine Tür braucht einen. Öffne die Seite von einem Server, etwa mit npm start.',
  address: 'Basisadresse',
  copyAddress: 'Basisadresse kopieren',
  models: 'Modelle',
  noModels: 'Zurzeit keine. Lade oben ein Modell; die Tür antwortet mit dem, was geladen ist.',
  keys: 'Schlüssel',
  noKeys: 'Noch kann kein Programm fragen. Mach für jedes einen Schlüssel; du kannst jeden einzeln zurücknehmen.',
  keyName: 'Für welches Programm',
  keyNameHint: 'Editor auf dem Laptop',
  perDay: 'Token am Tag',
  perMinute: 'Anfragen in der Minute',
  unlimited: 'ohne Grenze',
  make: 'Schlüssel machen',
  madeFor: (name) => `Der Schlüssel für „${name}“`,
  madeOnce: 'Kopiere ihn jetzt. Er wird nur dieses eine Mal gezeigt; behalten wird nur sein Hash.',
  copyKey: 'Schlüssel kopieren',
  done: 'Ich habe ihn',
  usedToday: (used, most) => (most === null ? `${used} Token heute` : `${used} von ${most} Token heute`),
  rate: (perMinute) => `${perMinute} Anfragen in der Minute`,
  remove: 'Entfernen',
  removeQuestion: 'Sein Programm wird ab jetzt abgewiesen.',
  passed: (requests, tokens) => `${requests} Anfragen und ${tokens} Token, seit dieser Knoten läuft.`,
  running: (count) => (count === 1 ? '1 Frage wird gerade beantwortet.' : `${count} Fragen werden gerade beantwortet.`),
  how: 'So benutzt es ein Programm',
  howText:
    'Wo ein Programm nach einer OpenAI-Basisadresse und einem Schlüssel fragt, gib ihm diese. Ein Adapter wird als Modell gewählt, unter dem Namen mit dem Doppelpunkt.',
}

export const doorWords = wordsOf({ en, de })
