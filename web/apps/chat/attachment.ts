// A text file that goes with a question: read on this device, checked to be text, and put before the question in the prompt.

export interface Attachment {
  readonly name: string
  readonly text: string
}

/** Of all files of a question together; a message to another node holds 256 KiB. */
export const MAX_ATTACHMENT_BYTES = 200 * 1024

/** The file as text, or why it cannot go along. */
export async function readAttachment(file: File): Promise<Attachment | 'tooLarge' | 'notText'> {
  if (file.size > MAX_ATTACHMENT_BYTES) return 'tooLarge'
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())
    return text.includes('\0') ? 'notText' : { name: file.name, text }
  } catch {
    return 'notText'
  }
}

/** A question with its files before it, each between fences longer than any within. */
export function withAttachments(text: string, attachments: readonly Attachment[]): string {
  const files = attachments.map(({ name, text: content }) => {
    const longest = Math.max(2, ...[...content.matchAll(/`{3,}/g)].map(([run]) => run.length))
    const fence = '`'.repeat(longest + 1)
    return `${name}:\n${fence}\n${content.replace(/\n$/, '')}\n${fence}\n\n`
  })
  return files.join('') + text
}
