// Runs `centram demo` as a process of its own, as a person does.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../../signaling-server/cli/centram.js', import.meta.url))

export interface DemoProcess {
  readonly child: ChildProcess
  /** What it has printed so far. */
  output(): { readonly stdout: string; readonly stderr: string }
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
}

export function startDemo(args: readonly string[]): DemoProcess {
  const child = spawn(process.execPath, [COMMAND, 'demo', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()))
  return {
    child,
    output: () => printed,
    ended: once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, ...printed })),
  }
}
