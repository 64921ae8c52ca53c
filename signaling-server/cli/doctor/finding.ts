// What a check found, and what to do about it.

export interface Finding {
  /** What was looked at: "browser", "port". */
  readonly about: string
  /** `problem`: something asked for will not work. `note`: worth knowing. `skipped`: it was not looked at. */
  readonly state: 'ok' | 'note' | 'problem' | 'skipped'
  readonly message: string
  /** What to do. */
  readonly remedy?: string
}

const SIGNS = { ok: '✓', note: '·', problem: '✗', skipped: '–' } as const
const ABOUT_WIDTH = 16

export function formatFinding({ about, state, message, remedy }: Finding): string {
  const line = `${SIGNS[state]} ${about.padEnd(ABOUT_WIDTH)}${message}`
  return remedy === undefined ? line : `${line}\n${' '.repeat(ABOUT_WIDTH + 2)}→ ${remedy}`
}

export function summarise(findings: readonly Finding[]): string {
  const problems = findings.filter(({ state }) => state === 'problem').length
  if (problems === 0) return 'Nothing stands in the way.'
  return `${problems} ${problems === 1 ? 'thing needs' : 'things need'} mending; what to do stands behind the arrow.`
}
