// The files of a drop, those of one dropped folder included.

/** Reads what was dropped; must be called in the drop's own task, for the browser forgets it afterwards. */
export async function filesOfDrop(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry())
  const plain = [...transfer.files]
  if (!entries.some((entry) => entry?.isDirectory)) return plain
  const files: File[] = []
  for (const entry of entries) {
    if (entry?.isFile) files.push(await readFile(entry as FileSystemFileEntry))
    if (entry?.isDirectory) files.push(...(await readFolder(entry as FileSystemDirectoryEntry)))
  }
  return files
}

async function readFolder(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader()
  const files: File[] = []
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (entries.length === 0) return files
    for (const entry of entries) if (entry.isFile) files.push(await readFile(entry as FileSystemFileEntry))
  }
}

function readFile(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}
