import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const COMMAND = fileURLToPath(new URL('../../signaling-server/cli/centram.js', import.meta.url))

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env, CI: '1' } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

describe('centram', () => {
  it('lists its commands', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of ['start', 'demo', 'model', 'bench'])
      expect(stdout).toMatch(new RegExp(`^ +${command}\\b`, 'm'))
  })

  it.each([
    [['nonsense'], /unknown command/],
    [['start', '--port', '70000'], /0 to 65535/],
    [['start', '--port', 'abc'], /0 to 65535/],
    [['demo', '--tabs', '5'], /from 2 to 4/],
    [['demo', '--tabs', '1'], /from 2 to 4/],
    [['demo', '--tokens', '0'], /from 1 to/],
  ] as const)('refuses %j with what would be right', async (args, message) => {
    const { code, stderr } = await run(args)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(message)
  })

  it('takes the port from CENTRAM_PORT', async () => {
    expect((await run(['start'], { CENTRAM_PORT: 'x' })).stderr).toMatch(/0 to 65535/)
  })
})

describe('centram start', () => {
  it('serves until it is told to stop, and ends in peace', async () => {
    const child = spawn(process.execPath, [COMMAND, 'start', '--port', '0', '--no-open', '--no-ledger'])
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const ended = once(child, 'close')
    await expect.poll(() => output, { timeout: 60_000 }).toMatch(/http:\/\/localhost:\d+\//)
    const url = /http:\/\/localhost:\d+\//.exec(output)?.[0] ?? ''
    const page = await (await fetch(url.replace('localhost', '127.0.0.1'))).text()
    expect(page).toContain('<centram-app>')
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
  }, 90_000)

  it('names the remedy when the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { code, stderr } = await run(['start', '--port', String(port), '--no-open', '--no-ledger'])
    other.close()
    expect(code).toBe(1)
    expect(stderr).toMatch(new RegExp(`^Port ${port} is taken.*--port ${port + 1}`))
  }, 90_000)
})

describe('centram demo', () => {
  it('fails with a message and the verdict when there is no such model', async () => {
    const { code, stdout } = await run(['demo', '--model', '/nowhere/model.gguf'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/no file \/nowhere\/model\.gguf/)
    expect(stdout.trimEnd()).toMatch(/VERDICT: FAIL$/)
  })

  it('prints one JSON object alone, even when it fails', async () => {
    const { code, stdout, stderr } = await run(['demo', '--json', '--model', '/nowhere/model.gguf'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual({
      verdict: 'FAIL',
      error: { code: 'SOURCE_UNREACHABLE', message: expect.stringContaining('/nowhere/model.gguf') },
    })
    expect(stderr).toContain('/nowhere/model.gguf')
  })
})
