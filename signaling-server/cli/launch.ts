// Puts the server together from its parts, for `start`, `demo` and `bench` alike.

import { join } from 'node:path'
import { createModelLibrary, checkModelPath } from '../model-library.ts'
import { startServer, type RunningServer } from '../server.ts'
import { createSignallingService } from '../signal-socket.ts'
import { PROJECT_FOLDER, WEB_FOLDER, readVersion } from './project.ts'

export interface LaunchOptions {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  readonly modelFolders?: readonly string[]
  readonly modelFiles?: readonly string[]
}

export async function launchServer(options: LaunchOptions): Promise<RunningServer> {
  for (const path of options.modelFiles ?? []) await checkModelPath(path)
  return startServer({
    port: options.port,
    host: options.host,
    webFolder: WEB_FOLDER,
    models: createModelLibrary({
      builtIn: [join(WEB_FOLDER, 'models', 'toy')],
      extras: options.modelFiles ?? [],
      folders: [...(options.modelFolders ?? []), join(PROJECT_FOLDER, '.cache', 'models')],
    }),
    signalling: await createSignallingService(),
    version: readVersion(),
  })
}
