// Hands bytes to the browser as a download.

export function saveFile(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes]))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken hold of the bytes by its next task.
  setTimeout(() => URL.revokeObjectURL(url))
}
