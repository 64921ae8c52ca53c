// The door as the node knows it: closed until a person opens it or makes a key, and fetched only then.

import type { DoorState } from './door-api.ts'
import { doorAddress, doorKeysPlace, doorSetting, NO_DOOR, type Door, type DoorParts } from './door-parts.ts'
import type { Surroundings } from './surroundings.ts'

export function createDoor(surroundings: Surroundings, parts: DoorParts, show: (door: DoorState) => void): Door {
  const { records, settings } = surroundings
  let service: Promise<Door> | null = null
  let closed = false

  function open(): Promise<Door> {
    service ??= (async () => {
      const { createDoorService } = await import('./door-service.ts')
      const opened = createDoorService(surroundings, parts, show)
      await opened.start()
      if (closed) opened.close()
      return opened
    })()
    // A fetch that failed is tried again.
    service.catch(() => (service = null))
    return service
  }

  return {
    api: {
      setDoor: async (on) => (await open()).api.setDoor(on),
      makeDoorKey: async (wanted) => (await open()).api.makeDoorKey(wanted),
      removeDoorKey: async (keyId) => (await open()).api.removeDoorKey(keyId),
    },
    async start() {
      show({ ...NO_DOOR, address: doorAddress(settings) })
      const kept = [doorSetting(parts.owner), doorKeysPlace(parts.owner)]
      const found = await Promise.all(kept.map((place) => records.get('settings', place)))
      if (found.some((value) => value !== undefined)) await open()
    },
    close() {
      closed = true
      void service?.then((opened) => opened.close()).catch(() => undefined)
    },
  }
}
