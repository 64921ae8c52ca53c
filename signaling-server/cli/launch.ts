// Puts the server together from its parts, for `start`, `demo` and `bench` alike.

import { join } from 'node:path'
import { createModelLibrary, type ModelLibraryOptions } from '../model-library.ts'
import { startServer, type RunningServer } from '../server.ts'
import { createSignallingService } from '../signal-socket.ts'
import { modelFolder } from './model-files.ts'
import { WEB_FOLDER, readVersion } from './project.ts'

export interface LaunchOptions {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  /** Models on offer; by default the built-in one and the cache of `centram model get`. */
  readonly models?: ModelLibraryOptions
  /** A built page other than the web app. */
  readonly webFolder?: string
}

export function defaultModels(): ModelLibraryOptions {
  return { builtIn: [join(WEB_FOLDER, 'models', 'toy')], folders: [modelFolder()] }
}

export async function launchServer(options: LaunchOptions): Promise<RunningServer> {
  return startServer({
    port: options.port,
    host: options.host,
    webFolder: options.webFolder ?? WEB_FOLDER,
    models: createModelLibrary(options.models ?? defaultModels()),
    signalling: await createSignallingService(),
    version: readVersion(),
  })
}
