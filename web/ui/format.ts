// Figures as people read them, always with their unit, in the language of the page.

import { locale } from './language.ts'
import { uiWords } from './words/ui-words.ts'

/** A number with exactly, or with at most, so many digits after the point. */
function digits(value: number, most: number, least = most): string {
  return value.toLocaleString(locale(), {
    maximumFractionDigits: most,
    minimumFractionDigits: least,
    useGrouping: false,
  })
}

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
  return `${digits(value, value < 10 ? 1 : 0)} ${unit}`
}

export function formatMs(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000, ms < 10_000 ? 1 : 0)} s`
  return `${digits(ms, ms < 10 ? 1 : 0)} ms`
}

export function formatRate(msPerToken: number): string {
  const rate = msPerToken > 0 ? 1000 / msPerToken : 0
  return uiWords().format.tokensPerSecond(digits(rate, rate < 100 ? 1 : 0))
}

export function formatTimeLeft(seconds: number | null): string {
  const words = uiWords().format
  if (seconds === null || !Number.isFinite(seconds)) return words.workingOut
  if (seconds < 1) return words.aMoment
  if (seconds < 90) return words.left(`${Math.ceil(seconds)} s`)
  if (seconds < 5400) return words.left(`${Math.ceil(seconds / 60)} min`)
  return words.left(`${digits(seconds / 3600, 1)} h`)
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
  const words = uiWords().format
  return range.last - range.first === 1 ? words.layer(range.last) : words.layers(range.first + 1, range.last)
}

export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** 1,234,567. */
export function formatCount(count: number): string {
  return count.toLocaleString(locale())
}

/** A figure of a measured or chosen quantity: four digits at most, tiny ones by powers of ten. */
export function formatNumber(value: number): string {
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6))
    return digits(Number(value.toPrecision(4)), 20, 0)
  const [mantissa = '', power = ''] = Number(value.toPrecision(3)).toExponential().split('e')
  const raised = String(Number(power)).replace(/./g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '⁻')
  return `${digits(Number(mantissa), 20, 0)} × 10${raised}`
}

/** A day as people read it: 23 Nov 2026. */
export function formatDay(milliseconds: number): string {
  return new Date(milliseconds).toLocaleDateString(locale(), { day: 'numeric', month: 'short', year: 'numeric' })
}
