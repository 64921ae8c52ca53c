// What a page may ask of a node about being a door, by which programs that speak OpenAI's API use the swarm. Types only; the
// rules of api.ts hold.

export interface DoorApi {
  /** Opens the door at the server that the page came from, now and at later visits, or closes it. */
  setDoor(open: boolean): Promise<void>
  /** Makes an API key. It is told this once: only its hash is kept. Throws `BAD_ARGUMENT`. */
  makeDoorKey(settings: DoorKeySettings): Promise<string>
  /** Nobody is answered by that key any more; answers under way are ended. */
  removeDoorKey(keyId: string): Promise<void>
}

export interface DoorKeySettings {
  /** For whom or what it is. */
  readonly name: string
  readonly requestsPerMinute: number
  /** Of questions and answers together, from midnight UTC on; null for as many as the node can give. */
  readonly tokensPerDay: number | null
}

export interface DoorKeyState extends DoorKeySettings {
  /** The first half of the key's hash, hex. */
  readonly id: string
  readonly createdAt: number
  readonly tokensToday: number
}

export interface DoorState {
  /** Whether a person wants it open. */
  readonly on: boolean
  readonly state: 'closed' | 'connecting' | 'open' | 'refused'
  /** Why it is not open, in words. */
  readonly reason: string | null
  /** What clients take as their base address; null where the page came without a server. */
  readonly address: string | null
  /** As clients address them. */
  readonly models: readonly { readonly name: string; readonly title: string }[]
  readonly keys: readonly DoorKeyState[]
  /** Questions of clients under way, and what was answered since the node started. */
  readonly running: number
  readonly requests: number
  readonly promptTokens: number
  readonly answerTokens: number
}
