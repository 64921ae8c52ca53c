// Figures and tables on a terminal.

/** Milliseconds with three significant digits: 0.42 ms, 12.3 ms, 1.25 s. */
export function formatMs(ms: number): string {
  return ms >= 1000 ? `${formatFigure(ms / 1000)} s` : `${formatFigure(ms)} ms`
}

/** Three significant digits, never with an exponent for what is large. */
export function formatFigure(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : value.toPrecision(3)
}

/** Bytes in powers of ten, as disks and networks count. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(value) : formatFigure(value)} ${units[unit]}`
}

/** Columns padded to one width, two spaces apart, the last column not padded. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}
