// A certificate on disk, or that of a server: whether browsers will take it, and for how long.

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { errorMessage } from '#core/errors.ts'
import { readCertificate } from '../../tls/certificate.ts'
import type { Finding } from './finding.ts'

const about = 'certificate'
const DAY_MS = 86_400_000
const SOON_DAYS = 14
const ANSWER_WAIT_MS = 5000

/** @param now milliseconds since 1970. */
export async function checkCertificateFiles(cert: string, key: string, now: number): Promise<Finding> {
  try {
    const pair = await readCertificate(cert, key)
    return describeCertificate(new X509Certificate(pair.cert), now)
  } catch (error) {
    return {
      about,
      state: 'problem',
      message: errorMessage(error),
      remedy: 'Name the pair with --cert and --key, as PEM files.',
    }
  }
}

export function describeCertificate(certificate: X509Certificate, now: number): Finding {
  const names = (certificate.subjectAltName ?? '').replaceAll(/(DNS|IP Address):/g, '') || certificate.subject
  const days = Math.floor((new Date(certificate.validTo).getTime() - now) / DAY_MS)
  if (now < new Date(certificate.validFrom).getTime()) {
    return {
      about,
      state: 'problem',
      message: `It is valid from ${certificate.validFrom} on only.`,
      remedy: 'Look at the clock of this machine.',
    }
  }
  const renew = 'Have your authority renew it; one made by --lan is made anew when the server starts.'
  if (days < 0) return { about, state: 'problem', message: `It ended ${-days} days ago (${names}).`, remedy: renew }
  if (days < SOON_DAYS) return { about, state: 'note', message: `It ends in ${days} days (${names}).`, remedy: renew }
  if (certificate.subjectAltName === undefined) {
    return {
      about,
      state: 'problem',
      message: `It names ${names} as its subject alone, which browsers do not read.`,
      remedy: 'Have one made with subject alternative names.',
    }
  }
  return { about, state: 'ok', message: `for ${names}, valid for ${days} more days` }
}

/** That of a server as clients see it. `authority`: one more that is trusted, as PEM. */
export function checkServerCertificate(address: URL, now: number, authority?: string): Promise<Finding> {
  const host = address.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(address.port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ...(authority !== undefined && { ca: authority }),
      rejectUnauthorized: false,
      timeout: ANSWER_WAIT_MS,
    })
    const end = (finding: Finding) => {
      socket.destroy()
      resolve(finding)
    }
    socket.once('timeout', () => end({ about, state: 'problem', message: `${address.host} does not answer.` }))
    socket.once('error', (error: Error) =>
      end({ about, state: 'problem', message: `${address.host}: ${error.message}` }),
    )
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate()
      if (!certificate) end({ about, state: 'problem', message: `${address.host} showed no certificate.` })
      else if (socket.authorized) end(describeCertificate(certificate, now))
      else {
        const described = describeCertificate(certificate, now)
        const why = socket.authorizationError as unknown as string
        if (described.state === 'problem') end(described)
        else {
          end({
            about,
            state: 'problem',
            message: `Clients do not trust that of ${address.host} (${why}); it is ${described.message}.`,
            remedy: `Trust its authority on each device (a server with --lan gives it out at ${address.protocol.replace('s', '')}//${address.host}/centram-ca.crt), and name it with --ca for a headless node.`,
          })
        }
      }
    })
  })
}
