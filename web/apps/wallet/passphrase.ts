// A passphrase that nobody guesses and that can be read out: five groups of four, without letters that look alike.

const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const GROUPS = 5
const GROUP = 4

/** 99 bits: each letter is one of 31, drawn evenly. */
export function suggestPassphrase(): string {
  const letters: string[] = []
  while (letters.length < GROUPS * GROUP) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1))
    // 248 is the largest multiple of 31 that a byte reaches.
    if (byte < 248) letters.push(LETTERS.charAt(byte % LETTERS.length))
  }
  return letters.join('').replace(/.{4}(?=.)/g, '$&-')
}
