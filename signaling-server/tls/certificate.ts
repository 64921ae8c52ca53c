// The certificate of a server on a home network: signed by an authority that this machine made for itself, so that a device which
// trusts the authority once need not be asked again when the machine's addresses change. Both are kept on disk.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { CentramError } from '#core/errors.ts'

/** All as PEM. */
export interface ServerCertificate {
  readonly key: string
  readonly cert: string
  /** The authority that signed it, where a device may have to be told to trust it. */
  readonly authority?: string
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
/** Browsers refuse certificates that last longer than 398 days (CA/Browser Forum, Baseline Requirements 6.3.2). */
const SERVER_DAYS = 397
const RENEW_DAYS = 30

/**
 * The certificate in `folder` if it names all of `hosts` (host names and addresses) and is not about to end, else a new one by
 * the same authority.
 */
export async function openOwnCertificate(
  folder: string,
  hosts: readonly string[],
  now: Date = new Date(),
): Promise<ServerCertificate & { readonly authority: string }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const authority = await openAuthority(folder, now)
  const kept = await readPair(folder, 'server')
  if (kept && isFit(kept.cert, hosts, now) && isSignedBy(kept.cert, authority.cert)) {
    return { ...kept, authority: authority.cert }
  }
  const made = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
    ...EC,
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + SERVER_DAYS * DAY_MS),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
      },
    ],
  })
  const pair = { key: made.private, cert: made.cert }
  await writePair(folder, 'server', pair)
  return { ...pair, authority: authority.cert }
}

/** A certificate that somebody else made. Throws `BAD_ARGUMENT` where a file is missing or the two do not belong together. */
export async function readCertificate(certFile: string, keyFile: string): Promise<ServerCertificate> {
  const read = async (path: string, option: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8')
    } catch (error) {
      throw new CentramError('BAD_ARGUMENT', `${option} names ${path}, which cannot be read: check the path.`, {
        cause: error,
      })
    }
  }
  const pair = { cert: await read(certFile, '--cert'), key: await read(keyFile, '--key') }
  if (!belongTogether(pair)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${certFile} and ${keyFile} are no certificate and its private key, both as PEM: name the pair that your authority gave you.`,
    )
  }
  return pair
}

/** SHA-256 of a certificate, as browsers show it. */
export const fingerprintOf = (cert: string): string => new X509Certificate(cert).fingerprint256

const EC = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

async function openAuthority(folder: string, now: Date): Promise<{ readonly key: string; readonly cert: string }> {
  const kept = await readPair(folder, 'authority')
  if (kept && new Date(new X509Certificate(kept.cert).validTo).getTime() - now.getTime() > SERVER_DAYS * DAY_MS) {
    return kept
  }
  const made = await generate([{ name: 'commonName', value: `Centram on this machine, ${now.getUTCFullYear()}` }], {
    ...EC,
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + AUTHORITY_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const pair = { key: made.private, cert: made.cert }
  await writePair(folder, 'authority', pair)
  return pair
}

function isFit(cert: string, hosts: readonly string[], now: Date): boolean {
  const read = new X509Certificate(cert)
  const left = new Date(read.validTo).getTime() - now.getTime()
  return (
    left > RENEW_DAYS * DAY_MS && hosts.every((host) => (isIP(host) === 0 ? read.checkHost(host) : read.checkIP(host)))
  )
}

function isSignedBy(cert: string, authority: string): boolean {
  return new X509Certificate(cert).verify(new X509Certificate(authority).publicKey)
}

/** Null where one of the two is missing or damaged: both are made anew then. */
async function readPair(folder: string, name: string): Promise<{ key: string; cert: string } | null> {
  const read = (extension: string) => readFile(join(folder, `${name}.${extension}`), 'utf8').catch(() => null)
  const [key, cert] = [await read('key'), await read('crt')]
  return key !== null && cert !== null && belongTogether({ key, cert }) ? { key, cert } : null
}

async function writePair(folder: string, name: string, pair: { key: string; cert: string }): Promise<void> {
  for (const [extension, text] of [['key', pair.key] as const, ['crt', pair.cert] as const]) {
    const path = join(folder, `${name}.${extension}`)
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await chmod(`${path}.new`, 0o600)
    await rename(`${path}.new`, path)
  }
}

function belongTogether({ key, cert }: { readonly key: string; readonly cert: string }): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
