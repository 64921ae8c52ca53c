// Which of this browser's identities a tab is: the first slot no other tab holds, and after a reload the one it had.

const LAST_SLOT = 'centram.slot'
/** How long a reloaded tab waits for its own slot, which its former document may still be letting go. */
const RELEASE_WAIT_MS = 1500
const SLOTS = 64
/** Slots from here on are picked by chance, where the browser has no locks (an address without HTTPS). */
const UNLOCKED_SLOTS = 1_000_000

/** Claims a slot for as long as the document lives. */
export async function claimSlot(): Promise<number> {
  const last = Number.parseInt(sessionStorage.getItem(LAST_SLOT) ?? '', 10)
  const slot = 'locks' in navigator ? await claimLocked(last) : claimUnlocked(last)
  sessionStorage.setItem(LAST_SLOT, String(slot))
  return slot
}

async function claimLocked(last: number): Promise<number> {
  if (last >= 0 && last < SLOTS) {
    if (await hold(last, { signal: AbortSignal.timeout(RELEASE_WAIT_MS) })) return last
  }
  for (let slot = 0; slot < SLOTS; slot++) if (await hold(slot, { ifAvailable: true })) return slot
  return claimUnlocked(Number.NaN)
}

/** Takes the lock of `slot` and never gives it back; the browser does when the document goes. */
function hold(slot: number, options: LockOptions): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(`centram-node-${slot}`, options, (lock) => {
        resolve(lock !== null)
        return lock ? new Promise(() => {}) : undefined
      })
      .catch(() => resolve(false))
  })
}

function claimUnlocked(last: number): number {
  if (last >= UNLOCKED_SLOTS) return last
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1))
  return UNLOCKED_SLOTS + random
}
