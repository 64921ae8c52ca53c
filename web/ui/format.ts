// Figures as people read them, always with their unit.

/** 1 kB = 1000 bytes, as disks and downloads are sold. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = ''
  for (const next of units) {
    if (value < 1000) break
    value /= 1000
    unit = next
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

export function formatRate(msPerToken: number): string {
  const rate = msPerToken > 0 ? 1000 / msPerToken : 0
  return `${rate < 100 ? rate.toFixed(1) : Math.round(rate)} tokens/s`
}

export function formatTimeLeft(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return 'working out the time left'
  if (seconds < 1) return 'a moment left'
  if (seconds < 90) return `${Math.ceil(seconds)} s left`
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min left`
  return `${(seconds / 3600).toFixed(1)} h left`
}

export function formatPercent(fraction: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`
}

/** The first 16 hex digits in four groups of four: enough to tell nodes apart by eye. */
export function formatId(id: string): string {
  return (id.slice(0, 16).match(/.{1,4}/g) ?? []).join(' ')
}

/** Layers of `[first, last)` as people count them, from 1, ends included. */
export function formatLayers(range: { readonly first: number; readonly last: number }): string {
  return range.last - range.first === 1 ? `layer ${range.last}` : `layers ${range.first + 1}–${range.last}`
}

export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** 1,234,567. */
export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

/** A figure of a measured or chosen quantity: four digits at most, tiny ones by powers of ten. */
export function formatNumber(value: number): string {
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) return String(Number(value.toPrecision(4)))
  const [digits = '', power = ''] = Number(value.toPrecision(3)).toExponential().split('e')
  return `${digits} × 10${String(Number(power)).replace(/./g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '⁻')}`
}

/** A day as people of any country read it: 23 Nov 2026. */
export function formatDay(milliseconds: number): string {
  return new Date(milliseconds).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}
