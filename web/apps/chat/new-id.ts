// Names for chats and turns, that no other tab or device comes upon too.

/** Pages without HTTPS have no `randomUUID`. */
export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
