// The page's entry: starts the node, puts its API on `globalThis.centram` for automation, shows the app.

import { startNode } from './node/host.ts'
import { readSettings } from './node/settings.ts'

const host = await startNode(await readSettings())
Object.assign(globalThis, { centram: host.api })
