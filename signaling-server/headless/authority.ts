// Trust in the authority of a home network's server. Node.js reads further authorities when a process starts and never again, so
// the command runs itself once more with them.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { dataFolder } from '../cli/project.ts'

const AUTHORITIES = 'NODE_EXTRA_CA_CERTS'
/** Set for the second run, so that there is no third. */
const TRUSTED = 'CENTRAM_TRUSTED_AUTHORITY'

/** Whether this is the run that trusts it. */
export function isTrusting(authority: string): boolean {
  return process.env[TRUSTED] === authority
}

/** Has the second run stop as if it were told to when the first is gone. */
export function endWithFirstRun(): void {
  if (process.env[TRUSTED] === undefined || !process.connected) return
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  // A channel that somebody listens to would keep a finished process alive.
  process.channel?.unref()
}

/** The one that `centram start --lan` made on this machine. */
export function ownAuthority(): string | undefined {
  const path = join(dataFolder(), 'tls', 'authority.crt')
  return existsSync(path) ? path : undefined
}

/** Runs the same command line with that authority trusted, and ends as it ends. Throws `BAD_ARGUMENT` where there is no such file. */
export async function runTrusting(authority: string): Promise<void> {
  if (!existsSync(authority)) {
    throw new CentramError('BAD_ARGUMENT', `--ca names ${authority}, and there is no such file.`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'centram-'))
  const bundle = join(folder, 'authorities.pem')
  const before = process.env[AUTHORITIES]
  const known = before !== undefined && existsSync(before) ? [before] : []
  writeFileSync(bundle, [...known, authority].map((path) => readFileSync(path, 'utf8')).join('\n'))
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    // The channel tells the second run of an end that no signal tells of.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [AUTHORITIES]: bundle, [TRUSTED]: authority },
  })
  // A terminal's Ctrl-C reaches both; what a service manager sends reaches this process alone.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  }).finally(() => rmSync(folder, { recursive: true, force: true }))
}
