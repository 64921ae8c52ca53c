// Whether the TURN servers lend a relay with the shared secret: asked as a node would, by gathering relayed candidates.

import { errorMessage } from '#core/errors.ts'
import { grantRelay, type TurnOptions } from '../../turn.ts'
import type { Finding } from './finding.ts'

const about = 'TURN'
const WAIT_MS = 6_000

/** What is used of node-datachannel. */
export interface RelayAsker {
  /** Whether a relayed address was lent within that time. */
  ask(
    server: { readonly url: string; readonly username: string; readonly credential: string },
    waitMs: number,
  ): Promise<boolean>
}

export async function checkTurn(turn: TurnOptions, asker: RelayAsker, now: number): Promise<readonly Finding[]> {
  const { username, credential } = grantRelay(turn, 'doctor', now)
  return Promise.all(
    turn.urls.map(async (url): Promise<Finding> => {
      try {
        if (await asker.ask({ url, username, credential }, WAIT_MS)) {
          return { about, state: 'ok', message: `${url} lends a relay` }
        }
      } catch (error) {
        return { about, state: 'skipped', message: `${url} was not asked: ${errorMessage(error)}` }
      }
      return {
        about,
        state: 'problem',
        message: `${url} lends no relay.`,
        remedy:
          'See that it runs and is reached over UDP (firewall, port 3478 and its relay ports), that its static-auth-secret is that of ' +
          '--turn-secret, that use-auth-secret is on, and that both clocks agree.',
      }
    }),
  )
}
