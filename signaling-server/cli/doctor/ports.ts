// Whether the server can have its port, and which addresses others could reach it by.

import { createServer } from 'node:net'
import { lanAddresses } from '../lan.ts'
import type { Finding } from './finding.ts'
import { versionOn } from './server.ts'

const about = 'port'

export async function checkPort(port: number, host: string): Promise<Finding> {
  const code = await tryPort(port, host)
  if (code === null) return { about, state: 'ok', message: `${port} is free on ${host}` }
  if (code === 'EADDRINUSE') {
    const version = await versionOn(port)
    if (version !== null) return { about, state: 'ok', message: `Centram ${version} is running on ${port}` }
    return {
      about,
      state: 'problem',
      message: `${port} is taken by another program.`,
      remedy: `Stop that program (\`ss -ltnp 'sport = :${port}'\` names it), or choose another port with --port or CENTRAM_PORT.`,
    }
  }
  if (code === 'EACCES') {
    return {
      about,
      state: 'problem',
      message: `${port} is not for this user: ports below 1024 are for the administrator.`,
      remedy: 'Choose a higher one with --port, and let a proxy or the router pass 443 on to it.',
    }
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return {
      about,
      state: 'problem',
      message: `${host} is no address of this machine.`,
      remedy: `Listen on 127.0.0.1, on 0.0.0.0, or on one of ${lanAddresses().join(', ') || 'none: it is in no network'}.`,
    }
  }
  return { about, state: 'problem', message: `${port} on ${host} cannot be opened: ${code}.` }
}

export function checkNetwork(addresses: readonly string[] = lanAddresses()): Finding {
  const [address] = addresses
  if (address === undefined) {
    return {
      about: 'network',
      state: 'note',
      message: 'This machine is in no network, so only its own tabs can share.',
    }
  }
  return {
    about: 'network',
    state: 'ok',
    message: `${addresses.join(', ')}; other devices need HTTPS, which \`npm start -- --lan\` serves`,
  }
}

/** Null where it could be had; else the code of the error. */
function tryPort(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}
