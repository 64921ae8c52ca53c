// The page's entry: shows the app, starts the node, and puts its API on `globalThis.centram` for automation.

// First, so that it holds for whatever the others start.
import './node/trusted-types.ts'
import { errorMessage } from '#core/errors.ts'
import { CentramApp } from './app.ts'
import { startNode } from './node/host.ts'
import { readSettings } from './node/settings.ts'
import { keepForOffline } from './offline.ts'

const app = document.querySelector('centram-app')
if (app instanceof CentramApp) {
  try {
    const host = await startNode(await readSettings())
    Object.assign(globalThis, { centram: host.api })
    host.onCrash((message) => {
      app.crash = `The node of this tab stopped: ${message} Reload the page; chats and downloads are kept.`
    })
    app.attach(host.api)
    keepForOffline()
  } catch (error) {
    app.crash = `The node of this tab could not be started: ${errorMessage(error)} Reload the page, or try another browser.`
  }
}
