// Amounts and times of the wallet, as the language of the page writes them.

import { locale } from '../../ui/language.ts'

export function formatCen(amount: number): string {
  return `${amount.toLocaleString(locale()).replace('-', '−')} CEN`
}

/** With its sign, for what was gained or paid. */
export function formatChange(amount: number): string {
  return `${amount > 0 ? '+' : ''}${formatCen(amount)}`
}

export function formatTime(milliseconds: number): string {
  const time = new Date(milliseconds)
  const isThisYear = time.getFullYear() === new Date().getFullYear()
  return time.toLocaleString(locale(), {
    day: 'numeric',
    month: 'short',
    ...(isThisYear ? {} : { year: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
  })
}

/** Of parts of a million. */
export function formatPpm(ppm: number): string {
  return (ppm / 1e6).toLocaleString(locale(), { style: 'percent', maximumFractionDigits: 2 })
}

/** What was typed as an amount: a whole number from 1 on; null for anything else. */
export function readAmount(typed: string): number | null {
  const amount = Number(typed.trim())
  return typed.trim() !== '' && Number.isSafeInteger(amount) && amount > 0 ? amount : null
}
