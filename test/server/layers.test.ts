// Proves that every layer rule bites: each plants one forbidden import in a small tree and must be the one that reports it.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cruise, type ICruiseResult, type IConfiguration } from 'dependency-cruiser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const configuration = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IConfiguration

/** Imports that the architecture allows; the same files are the targets of the forbidden ones. */
const ALLOWED: Record<string, string> = {
  'shaders/add.wgsl': '',
  'worker/core/errors.ts': `import { encode } from 'cborg'\nexport const errors = encode`,
  'worker/core/two.ts': `import { errors } from '#core/errors.ts'\nexport const two = errors`,
  'worker/gpu/tensor.ts': `import type { errors } from '#core/errors.ts'\nexport type Tensor = typeof errors`,
  'worker/storage/blobs.ts': `import { errors } from '#core/errors.ts'\nexport const blobs = errors`,
  'worker/net/channel.ts': `import { errors } from '#core/errors.ts'\nexport const channel = errors`,
  'worker/model/shard.ts': `import type { Tensor } from '../gpu/tensor.ts'\nexport type Shard = Tensor`,
  'worker/train/trainer.ts': `import type { Shard } from '../model/shard.ts'\nimport type { Tensor } from '../gpu/tensor.ts'\nexport type Trainer = Shard | Tensor`,
  'worker/hyperlink/client.ts': `import type { Shard } from '../model/shard.ts'\nimport { channel } from '../net/channel.ts'\nexport const client = channel as unknown as Shard`,
  'worker/experiments/run.ts': `import type { Trainer } from '../train/trainer.ts'\nexport type Run = Trainer`,
  'worker/node/api.ts': `import { errors } from '#core/errors.ts'\nexport interface NodeApi { errors: typeof errors }\nexport const value = 1`,
  'worker/node/node.ts': `import { client } from '../hyperlink/client.ts'\nimport { blobs } from '../storage/blobs.ts'\nexport const node = [client, blobs]`,
  'worker/tab/gpu.ts': `import type { Tensor } from '../gpu/tensor.ts'\nexport const openGpu = null as unknown as Tensor`,
  'worker/main.ts': `import { node } from './node/node.ts'\nimport { openGpu } from './tab/gpu.ts'\nexport const main = [node, openGpu]`,
  'web/node/host.ts': `import type { NodeApi } from '../../worker/node/api.ts'\nexport type Host = NodeApi`,
  'web/ui/ribbon.ts': `import { errors } from '#core/errors.ts'\nexport const ribbon = errors`,
  'web/apps/chat/chat.ts': `import { ribbon } from '../../ui/ribbon.ts'\nexport const chat = ribbon`,
  'web/apps/wallet/wallet.ts': `export const wallet = 1`,
  'web/main.ts': `import { chat } from './apps/chat/chat.ts'\nexport const app = chat`,
  'signaling-server/server.ts': `import { readFileSync } from 'node:fs'\nimport { errors } from '#core/errors.ts'\nexport const server = [readFileSync, errors]`,
  'signaling-server/headless/node.ts': `import { node } from '../../worker/node/node.ts'\nexport const headless = node`,
  'test/helper.ts': `import { node } from '../worker/node/node.ts'\nexport const helper = node`,
}

/** By rule: a file, and the import in it that the rule must refuse. */
const FORBIDDEN: Record<string, readonly (readonly [file: string, code: string])[]> = {
  'no-cycles': [
    ['worker/core/cycle-a.ts', `import { b } from './cycle-b.ts'\nexport const a = b`],
    ['worker/core/cycle-b.ts', `import type { a } from './cycle-a.ts'\nexport const b = 1 as unknown as typeof a`],
  ],
  'no-unresolvable': [['worker/core/lost.ts', `import { gone } from './gone.ts'\nexport const lost = gone`]],
  'no-undeclared-packages': [['web/ui/undeclared.ts', `import { pad } from 'undeclared'\nexport const padded = pad`]],
  'core-is-pure': [
    ['worker/core/impure.ts', `import type { Tensor } from '../gpu/tensor.ts'\nexport type Impure = Tensor`],
  ],
  'core-packages': [
    ['worker/core/heavy.ts', `import { html } from 'lit'\nexport const heavy = html`],
    ['worker/core/disk.ts', `import { readFileSync } from 'node:fs'\nexport const disk = readFileSync`],
  ],
  'layer-gpu': [['worker/gpu/bad.ts', `import { blobs } from '../storage/blobs.ts'\nexport const bad = blobs`]],
  'layer-storage': [
    ['worker/storage/bad.ts', `import type { Tensor } from '../gpu/tensor.ts'\nexport type Bad = Tensor`],
  ],
  'layer-net': [['worker/net/bad.ts', `import { blobs } from '../storage/blobs.ts'\nexport const bad = blobs`]],
  'layer-model': [['worker/model/bad.ts', `import { channel } from '../net/channel.ts'\nexport const bad = channel`]],
  'layer-train': [['worker/train/bad.ts', `import { channel } from '../net/channel.ts'\nexport const bad = channel`]],
  'layer-hyperlink': [
    ['worker/hyperlink/bad.ts', `import type { Tensor } from '../gpu/tensor.ts'\nexport type Bad = Tensor`],
  ],
  'layer-engines': [
    ['worker/engines/bad.ts', `import { client } from '../hyperlink/client.ts'\nexport const bad = client`],
  ],
  'layer-experiments': [
    ['worker/experiments/bad.ts', `import { client } from '../hyperlink/client.ts'\nexport const bad = client`],
  ],
  'surroundings-enter-as-parameters': [
    ['worker/node/bad-tab.ts', `import { openGpu } from '../tab/gpu.ts'\nexport const bad = openGpu`],
    ['worker/gpu/bad-entry.ts', `import { main } from '../main.ts'\nexport const bad = main`],
  ],
  'worker-stands-alone': [
    ['worker/node/bad-page.ts', `import { ribbon } from '../../web/ui/ribbon.ts'\nexport const bad = ribbon`],
    [
      'worker/node/bad-server.ts',
      `import { server } from '../../signaling-server/server.ts'\nexport const bad = server`,
    ],
  ],
  'worker-without-node-js': [
    ['worker/net/disk.ts', `import { readFileSync } from 'node:fs'\nexport const disk = readFileSync`],
    ['web/ui/disk.ts', `import { readFileSync } from 'fs'\nexport const disk = readFileSync`],
  ],
  'web-imports-core-and-api-types': [
    ['web/node/bad-type.ts', `import type { Shard } from '../../worker/model/shard.ts'\nexport type Bad = Shard`],
    ['web/node/bad-server.ts', `import { server } from '../../signaling-server/server.ts'\nexport const bad = server`],
  ],
  'web-api-is-types-only': [
    ['web/node/bad-value.ts', `import { value } from '../../worker/node/api.ts'\nexport const bad = value`],
  ],
  'apps-stand-apart': [
    ['web/apps/chat/bad.ts', `import { wallet } from '../wallet/wallet.ts'\nexport const bad = wallet`],
  ],
  'ui-and-host-below-apps': [['web/ui/bad.ts', `import { chat } from '../apps/chat/chat.ts'\nexport const bad = chat`]],
  'server-imports-core': [
    ['signaling-server/bad.ts', `import type { NodeApi } from '../worker/node/api.ts'\nexport type Bad = NodeApi`],
    ['signaling-server/bad-page.ts', `import { ribbon } from '../web/ui/ribbon.ts'\nexport const bad = ribbon`],
  ],
  'headless-imports-worker': [
    ['signaling-server/headless/bad.ts', `import { ribbon } from '../../web/ui/ribbon.ts'\nexport const bad = ribbon`],
  ],
  'nobody-imports-tests': [
    ['signaling-server/bad-test.ts', `import { helper } from '../test/helper.ts'\nexport const bad = helper`],
  ],
}

const folders: string[] = []

async function cruiseTree(files: Record<string, string>): Promise<ICruiseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'centram-layers-'))
  folders.push(folder)
  const everything: Record<string, string> = {
    'package.json': JSON.stringify({
      type: 'module',
      imports: { '#core/*': './worker/core/*' },
      dependencies: { cborg: '1.0.0', lit: '1.0.0' },
    }),
    ...files,
  }
  for (const name of ['cborg', 'lit', 'undeclared']) {
    everything[`node_modules/${name}/package.json`] = JSON.stringify({ name, version: '1.0.0', main: 'index.js' })
    everything[`node_modules/${name}/index.js`] = 'exports.encode = exports.html = exports.pad = 1'
  }
  for (const [path, code] of Object.entries(everything)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), code)
  }
  const { forbidden, options } = configuration
  const { tsConfig: _ours, enhancedResolveOptions, ...rest } = options ?? {}
  const { output } = await cruise(
    ['worker', 'web', 'signaling-server', 'test'],
    { ...rest, baseDir: folder, validate: true, ruleSet: { forbidden: forbidden ?? [] } },
    enhancedResolveOptions,
  )
  return output as ICruiseResult
}

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

describe('the layer rules', () => {
  it('allow what the architecture allows', async () => {
    const { summary } = await cruiseTree(ALLOWED)
    expect(summary.violations).toEqual([])
    // The tree was really read: every import of it was followed.
    expect(summary.totalCruised).toBeGreaterThanOrEqual(Object.keys(ALLOWED).length)
  })

  it('are each proven below', () => {
    expect(Object.keys(FORBIDDEN).sort()).toEqual((configuration.forbidden ?? []).map(({ name }) => name).sort())
  })

  describe('refuse', () => {
    let violations: ICruiseResult['summary']['violations']
    beforeAll(async () => {
      const planted = Object.values(FORBIDDEN).flat()
      expect(new Set(planted.map(([file]) => file)).size).toBe(planted.length)
      violations = (await cruiseTree({ ...ALLOWED, ...Object.fromEntries(planted) })).summary.violations
    })

    it.each(Object.entries(FORBIDDEN))('%s', (rule, planted) => {
      const reported = new Set(violations.filter((violation) => violation.rule.name === rule).map(({ from }) => from))
      for (const [file] of planted) {
        // One report names a cycle; its other members are in the path it gives.
        if (rule === 'no-cycles') expect(reported.size).toBeGreaterThan(0)
        else expect([...reported]).toContain(file)
      }
    })

    it('nothing but the planted files', () => {
      const planted = new Set(Object.values(FORBIDDEN).flatMap((entries) => entries.map(([file]) => file)))
      expect(violations.filter(({ from }) => !planted.has(from))).toEqual([])
    })
  })
})
