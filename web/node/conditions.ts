// What the page sees of the device and its node cannot: whether somebody uses it, and whether it is on mains power. Where the browser
// tells of the device (Idle Detection, Battery Status), that counts; else whether somebody uses this tab, and nothing of power.

import type { Conditions } from '../../worker/node/limits-api.ts'

/** Without a key or pointer for so long, nobody uses it. */
const IDLE_MS = 120_000
const USES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const

interface Battery extends EventTarget {
  readonly charging: boolean
}

/** WICG Idle Detection, §3. */
interface Detector extends EventTarget {
  readonly userState: 'active' | 'idle' | null
  readonly screenState: 'locked' | 'unlocked' | null
  start(options: { readonly threshold: number }): Promise<void>
}

interface DetectorClass {
  new (): Detector
  requestPermission(): Promise<'granted' | 'denied'>
}

const detectorClass = (globalThis as { IdleDetector?: DetectorClass }).IdleDetector

/** `device`: all of it. `askable`: this tab, until a person allows more. `tab`: no more than this tab. */
export type IdleSource = 'device' | 'askable' | 'tab'

let source: IdleSource = detectorClass === undefined ? 'tab' : 'askable'
let conditions: Conditions = { idle: false, onMains: null }
let tell: ((conditions: Conditions) => void) | null = null

export function idleSource(): IdleSource {
  return source
}

/** Tells the present conditions and all later ones. */
export function followConditions(listener: (conditions: Conditions) => void): void {
  tell = listener
  tell(conditions)
  followTab()
  void followBattery()
  void followDevice()
}

/** Asks the browser to tell of the whole device; to be called by a press. Resolves with what it tells of then. */
export async function askForIdleness(): Promise<IdleSource> {
  const answer = await detectorClass?.requestPermission().catch(() => 'denied')
  if (answer === 'granted') await followDevice()
  else source = 'tab'
  return source
}

function change(what: Partial<Conditions>): void {
  conditions = { ...conditions, ...what }
  tell?.(conditions)
}

function followTab(): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const used = () => {
    clearTimeout(timer)
    if (source === 'device') return
    if (conditions.idle !== false) change({ idle: false })
    timer = setTimeout(() => {
      if (source !== 'device') change({ idle: true })
    }, IDLE_MS)
  }
  for (const name of USES) addEventListener(name, used, { capture: true, passive: true })
  used()
}

async function followBattery(): Promise<void> {
  const { getBattery } = navigator as { getBattery?: () => Promise<Battery> }
  const battery = await getBattery?.call(navigator).catch(() => undefined)
  if (!battery) return
  const look = () => change({ onMains: battery.charging })
  battery.addEventListener('chargingchange', look)
  look()
}

/** Where a person allowed it, now or at an earlier visit. */
async function followDevice(): Promise<void> {
  if (!detectorClass || source === 'device') return
  const name = 'idle-detection' as PermissionName
  const permission = await navigator.permissions.query({ name }).catch(() => null)
  if (permission?.state === 'denied') source = 'tab'
  if (permission?.state !== 'granted') return
  try {
    const detector = new detectorClass()
    detector.addEventListener('change', () => {
      change({ idle: detector.userState === 'idle' || detector.screenState === 'locked' })
    })
    await detector.start({ threshold: IDLE_MS })
    source = 'device'
    change({ idle: detector.userState === 'idle' || detector.screenState === 'locked' })
  } catch {
    // This tab has to do.
  }
}
