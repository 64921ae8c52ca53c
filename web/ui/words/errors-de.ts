// What each error code and each reason for having no GPU means, in German: what happened, and what a person can do.

import type { ErrorCode } from '#core/errors.ts'
import type { GpuProblem } from '../../../worker/node/api.ts'

export const errorWordsDe: Readonly<Record<ErrorCode, string>> = {
  BAD_ARGUMENT: 'Diese Angabe passt hier nicht. Sieh sie dir noch einmal an.',
  CANCELLED: 'Abgebrochen.',
  TIMEOUT: 'Es kam rechtzeitig keine Antwort. Versuch es noch einmal.',
  INTERNAL:
    'Etwas ist schiefgegangen, womit Centram nicht gerechnet hat. Lade die Seite neu; was gespeichert ist, bleibt.',
  FORMAT_INVALID: 'Diese Datei ist nicht so aufgebaut, wie sie es sein müsste. Besorge sie neu oder wähle eine andere.',
  FORMAT_TRUNCATED: 'Die Datei ist unvollständig. Kopiere oder lade sie noch einmal.',
  FORMAT_UNSUPPORTED: 'Dieses Dateiformat kann Centram nicht lesen. Wähle eine andere Datei.',
  MODEL_UNSUPPORTED: 'Diese Art von Modell kann Centram nicht ausführen. Wähle ein anderes.',
  MODEL_MISMATCH: 'Das gehört zu einem anderen Modell. Wähle das passende Modell oder eine andere Datei.',
  MODEL_UNKNOWN: 'Dieses Modell ist hier nicht bekannt. Füge es zuerst hinzu.',
  SOURCE_UNREACHABLE: 'Die Adresse ist nicht erreichbar. Prüfe Verbindung und Adresse; was schon geladen ist, bleibt.',
  SOURCE_NO_RANGES: 'Der Server gibt Dateien nur im Ganzen heraus. Lade die Datei selbst herunter und öffne sie hier.',
  SOURCE_CHANGED: 'Die Datei hat sich an ihrer Adresse geändert, während sie geladen wurde. Lade sie noch einmal.',
  SOURCE_CORRUPT: 'Was ankam, ist nicht, was es sein müsste, und wurde verworfen. Lade es noch einmal.',
  STORAGE_FULL: 'Im Browser ist nicht genug Platz für diese Seite. Lösche ein anderes Modell oder schaffe Platz.',
  STORAGE_UNAVAILABLE:
    'Der Browser speichert für diese Seite nichts. Öffne sie über HTTPS und nicht in einem privaten Fenster.',
  GPU_UNAVAILABLE: 'Hier steht keine GPU bereit. Dieser Tab antwortet über andere Knoten seines Raums.',
  GPU_LOST: 'Die GPU wurde dem Tab weggenommen. Lade das Modell noch einmal; bleibt es dabei, starte den Browser neu.',
  GPU_OUT_OF_MEMORY: 'Der Speicher der GPU reicht nicht. Nimm ein kleineres Modell oder lade ein weiteres Gerät ein.',
  GPU_FAILED: 'Die GPU hat eine Berechnung nicht ausgeführt. Lade das Modell noch einmal.',
  CONTEXT_FULL: 'Das Gespräch ist so lang, wie das Modell es fassen kann. Beginne ein neues.',
  FRAME_INVALID: 'Ein anderer Knoten hat etwas Unlesbares geschickt; es wurde verworfen.',
  FRAME_TOO_LARGE: 'Ein anderer Knoten hat mehr geschickt, als erlaubt ist; es wurde verworfen.',
  SIGNATURE_INVALID: 'Eine Unterschrift stimmt nicht. Was damit ankam, wurde verworfen.',
  REPLAYED: 'Etwas kam ein zweites Mal an und wurde verworfen.',
  PROTOCOL_VIOLATION: 'Ein anderer Knoten hält sich nicht an das Protokoll. Die Verbindung zu ihm wurde beendet.',
  VERSION_UNSUPPORTED: 'Der andere Knoten spricht eine andere Version. Ladet die Seite auf beiden Geräten neu.',
  RATE_LIMITED: 'Das war zu oft in kurzer Zeit. Warte einen Augenblick.',
  CHANNEL_CLOSED: 'Die Verbindung wurde geschlossen. Sie wird von selbst neu aufgebaut, sobald es geht.',
  LINK_FAILED: 'Zu einem anderen Knoten kam keine Verbindung zustande. Manche Netze lassen nur ein TURN-Relay zu.',
  PEER_LEFT: 'Ein anderer Knoten ist gegangen. Was bis dahin da war, ist behalten.',
  PEER_REFUSED: 'Der andere Knoten hat abgelehnt.',
  NOT_OFFERED: 'Der andere Knoten bietet das nicht an.',
  PAYMENT_REFUSED:
    'Die Zahlung wurde nicht angenommen: Guthaben oder Kreditrahmen reichen nicht, oder der Preis ist dir zu hoch.',
  KEY_REVOKED: 'Dieser Schlüssel gilt nicht mehr. Geh nach dem neuen, den sein Besitzer nennt.',
  QUARANTINED: 'Dieses Genom ist unter Quarantäne. Im Labor steht, warum, und dort kannst du es zulassen.',
  SERVER_UNREACHABLE:
    'Der Server antwortet nicht. Bestehende Verbindungen laufen weiter; neue Knoten finden sich erst wieder mit ihm.',
  NO_CAPACITY:
    'Dafür ist gerade nicht genug Speicher oder Zeit frei. Versuch es später oder lade ein weiteres Gerät ein.',
}

/** Why there is no GPU, and what to do. */
export const gpuProblemsDe: Readonly<Record<GpuProblem, string>> = {
  'insecure-context':
    'Diese Adresse ist weder HTTPS noch localhost; deshalb gibt der Browser der Seite weder GPU noch Speicher. Öffne sie als http://localhost auf dem Computer, der sie bereitstellt, oder lass sie über HTTPS bereitstellen.',
  'no-webgpu':
    'Dieser Browser hat kein WebGPU, womit die Modelle rechnen. Nimm Chrome oder Edge ab 113, Safari ab 26, Firefox ab 141 (auf dem Mac ab 145); unter Linux schalte WebGPU in den Flags des Browsers ein.',
  'no-adapter':
    'Der Browser kennt WebGPU, überlässt dieser Seite aber keine GPU. Schalte die Grafikbeschleunigung in den Einstellungen des Browsers ein, aktualisiere den Grafiktreiber und starte den Browser neu.',
  'device-lost':
    'Die GPU wurde der Seite weggenommen. Lade die Seite neu. Geschieht es wieder, schließe andere Tabs, die die GPU nutzen, oder lade ein kleineres Modell.',
  'too-small': 'Diese GPU ist für die Modelle zu klein.',
}
