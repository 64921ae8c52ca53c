// `centram doctor`: looks at what a server and a node need on this machine, and says what to mend. Ends with 1 where something
// that was asked for will not work.

import { readFile } from 'node:fs/promises'
import { CentramError, errorMessage } from '#core/errors.ts'
import { askForRelay } from '../../headless/relay-asker.ts'
import type { GpuChoice } from '../../headless/dawn.ts'
import { readTurnOptions } from '../../turn.ts'
import { modelFolder } from '../model-files.ts'
import { WEB_FOLDER } from '../project.ts'
import { checkBrowser } from './browser.ts'
import { checkCertificateFiles, checkServerCertificate } from './certificate.ts'
import { formatFinding, summarise, type Finding } from './finding.ts'
import { checkHeadlessGpu, checkLinks } from './headless.ts'
import { checkDisk, checkNode, checkWebApp } from './machine.ts'
import { checkNetwork, checkPort } from './ports.ts'
import { checkServer } from './server.ts'
import { checkTurn } from './turn.ts'

export interface DoctorOptions {
  readonly port: number
  readonly host: string
  readonly cert?: string
  readonly key?: string
  readonly turn?: string
  readonly turnSecret?: string
  /** A server that runs, as others reach it. */
  readonly server?: string
  /** Authority that signed its certificate. */
  readonly ca?: string
  readonly gpu: GpuChoice
  readonly browser: boolean
  readonly json: boolean
}

/** @returns the exit code. */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const findings: Finding[] = []
  const note = (finding: Finding) => {
    findings.push(finding)
    if (!options.json) console.log(formatFinding(finding))
  }
  const now = Date.now()

  note(checkNode(process.versions.node))
  note(checkWebApp(WEB_FOLDER))
  note(await checkDisk(modelFolder()))
  note(await checkPort(options.port, options.host))
  note(checkNetwork())
  if (options.cert !== undefined || options.key !== undefined) {
    note(await checkCertificateFiles(options.cert ?? '', options.key ?? '', now))
  }
  if (options.server !== undefined) {
    const address = serverAddress(options.server)
    const authority = options.ca === undefined ? undefined : await readFile(options.ca, 'utf8')
    note(await checkServer(address, authority))
    if (address.protocol === 'https:') note(await checkServerCertificate(address, now, authority))
  }
  for (const finding of await checkRelays(options, now)) note(finding)
  if (options.browser) for (const finding of await checkBrowser()) note(finding)
  else note({ about: 'browser', state: 'skipped', message: 'left out with --no-browser' })
  note(await checkLinks())
  if (options.gpu === 'none') note({ about: 'headless GPU', state: 'skipped', message: 'left out with --gpu none' })
  else note(await checkHeadlessGpu(options.gpu))

  if (options.json) console.log(JSON.stringify({ findings }))
  else console.log(`\n${summarise(findings)}`)
  return findings.some(({ state }) => state === 'problem') ? 1 : 0
}

async function checkRelays(options: DoctorOptions, now: number): Promise<readonly Finding[]> {
  try {
    const turn = readTurnOptions(options.turn, options.turnSecret)
    if (turn) return await checkTurn(turn, { ask: askForRelay }, now)
  } catch (error) {
    return [{ about: 'TURN', state: 'problem', message: errorMessage(error) }]
  }
  return [
    {
      about: 'TURN',
      state: 'note',
      message: 'none is set: nodes whose networks do not let them reach each other stay apart',
      remedy: 'Run coturn and name it with --turn and --turn-secret (docs/links.md).',
    },
  ]
}

function serverAddress(text: string): URL {
  try {
    return new URL(text.includes('://') ? text : `https://${text}`)
  } catch {
    throw new CentramError('BAD_ARGUMENT', `“${text}” is no address of a server: write https://host:port/.`)
  }
}
