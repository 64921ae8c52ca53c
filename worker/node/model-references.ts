// Which model another node's plan means: one that is listed here, the file at an address, or a content. A plan is believed in what
// it names by its hash, and nothing that it says of an address reaches what a person loads from there.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

export type ModelReference = BodyOf<'PIPE_PLAN'>['model']

export interface ReferableModel {
  readonly id: string
  /** Of one that was opened. */
  readonly fingerprint: string | undefined
  /** As far as is known. */
  readonly content: string | undefined
  /** Listed because a plan named its content. */
  readonly isNamed: boolean
}

export interface ReferenceParts {
  models(): readonly ReferableModel[]
  /** Lists and opens what is at an address. */
  addUrl(url: string): Promise<string>
  /** Lists and opens a content. */
  addContent(reference: ModelReference, content: string): Promise<string>
  /** The content that the page's own server says is at that address. */
  contentAt(url: string): Promise<string | undefined>
}

export interface ModelReferences {
  /** Throws `MODEL_UNKNOWN`, and what listing and opening throw. */
  find(reference: ModelReference): Promise<string>
  byFingerprint(fingerprint: string): string | undefined
}

export function createModelReferences(parts: ReferenceParts): ModelReferences {
  /** A fingerprint is over headers and sizes: those that a person listed come before what other nodes' plans named. */
  function withFingerprint(fingerprint: string): ReferableModel[] {
    const same = parts.models().filter((model) => model.fingerprint === fingerprint)
    return same.sort((a, b) => Number(a.isNamed) - Number(b.isNamed))
  }

  /** A listed model that is the one referred to, or of which nothing says that it is not. */
  function findSame({ fingerprint, content }: ModelReference): string | undefined {
    const wanted = content === null ? undefined : toHex(content)
    const same = withFingerprint(fingerprint)
    const exact = same.find((model) => model.content !== undefined && model.content === wanted)
    const unsaid = same.find((model) => !model.isNamed && (wanted === undefined || model.content === undefined))
    return (exact ?? unsaid)?.id
  }

  /** The listed model of that address, where the page's own server says that it is this content; else one by its content. */
  async function findContent(reference: ModelReference, content: string): Promise<string> {
    const url = reference.url === null || !isAllowed(reference.url) ? null : reference.url
    if (url !== null && (await parts.contentAt(url)) === content) return parts.addUrl(url)
    return parts.addContent({ ...reference, url }, content)
  }

  return {
    byFingerprint: (fingerprint) => withFingerprint(fingerprint)[0]?.id,
    async find(reference) {
      const { url, content, title } = reference
      const same = findSame(reference)
      if (same !== undefined) return same
      if (content !== null) {
        try {
          return await findContent(reference, toHex(content))
        } catch (error) {
          // No node has its manifest any more, but the file has an address.
          if (url === null || errorCode(error) !== 'SOURCE_UNREACHABLE') throw error
        }
      }
      if (url !== null) return parts.addUrl(checkedAddress(url))
      throw new CentramError(
        'MODEL_UNKNOWN',
        `"${title}" was opened from a file on the asking device, which does not share it. Drop the same file on this page too, ` +
          'or put it into the server’s models folder so that every node can read it.',
      )
    },
  }
}

/** A peer may point at the shared server (a relative address) or at a public HTTPS file, and at nothing else. */
function isAllowed(url: string): boolean {
  const isRelative = !/^[a-z][a-z0-9+.-]*:/i.test(url) && !url.startsWith('/') && !url.includes('..')
  return isRelative || /^https:\/\//i.test(url)
}

function checkedAddress(url: string): string {
  if (isAllowed(url)) return url
  throw new CentramError(
    'PEER_REFUSED',
    `A node asked for a model at an address that is not HTTPS: ${url.slice(0, 200)}`,
  )
}
