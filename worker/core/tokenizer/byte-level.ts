// GPT-2's byte-level alphabet: every byte as one printable character, so that a vocabulary of text can hold any bytes.
// Bytes that print stand for themselves, the others for U+0100 onwards (openai/gpt-2, encoder.py).

const CHARACTER_OF = buildAlphabet()
const BYTE_OF = new Map(CHARACTER_OF.map((character, byte) => [character, byte]))
const utf8 = new TextEncoder()

function buildAlphabet(): string[] {
  const prints = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++))
}

/** The bytes a vocabulary entry stands for; a character outside the alphabet stands for its own UTF-8. */
export function bytesOfEntry(entry: string): Uint8Array {
  const bytes: number[] = []
  for (const character of entry) {
    const byte = BYTE_OF.get(character)
    if (byte === undefined) bytes.push(...utf8.encode(character))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
