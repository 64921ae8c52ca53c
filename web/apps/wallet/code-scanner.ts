// Reads a QR code through the camera, where the browser brings a reader of its own (Shape Detection API).

interface BarcodeDetector {
  detect(source: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>
}

const LOOK_EVERY_MS = 200

const detector = () =>
  (globalThis as { BarcodeDetector?: new (options: { formats: readonly string[] }) => BarcodeDetector }).BarcodeDetector

export function canScan(): boolean {
  return detector() !== undefined && 'mediaDevices' in navigator
}

/** What the first code says that the camera sees; null when it was told to stop. Rejects without a camera. */
export async function scanCode(video: HTMLVideoElement, signal: AbortSignal): Promise<string | null> {
  const Detector = detector()
  if (!Detector) throw new Error('This browser reads no codes.')
  const reader = new Detector({ formats: ['qr_code'] })
  const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  try {
    video.srcObject = camera
    await video.play()
    while (!signal.aborted) {
      const [found] = await reader.detect(video)
      if (found) return found.rawValue
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
    return null
  } finally {
    for (const track of camera.getTracks()) track.stop()
    video.srcObject = null
  }
}
