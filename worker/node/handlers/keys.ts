// Handlers of changed keys: one message of the session family, one of the peer family.

import type { Swarm } from '../../net/swarm.ts'
import type { KeyChanges } from '../key-changes.ts'

export function handleKeys(swarm: Swarm, changes: KeyChanges): void {
  swarm.handle('SESSION_KEY_ROTATE', changes.onRotate)
  swarm.handle('PEER_KEY_REVOKE', changes.onRevoke)
}
