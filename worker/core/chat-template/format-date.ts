// The part of strftime that chat templates use, in UTC and in English.

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** @param time milliseconds since 1970. */
export function formatDate(format: string, time: number): string {
  // eslint-disable-next-line no-restricted-globals -- it takes a given time apart and reads no clock
  const date = new Date(time)
  const month = MONTHS[date.getUTCMonth()] ?? ''
  const day = DAYS[date.getUTCDay()] ?? ''
  const two = (value: number): string => String(value).padStart(2, '0')
  const fields: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()),
    y: two(date.getUTCFullYear() % 100),
    m: two(date.getUTCMonth() + 1),
    B: month,
    b: month.slice(0, 3),
    d: two(date.getUTCDate()),
    e: String(date.getUTCDate()).padStart(2, ' '),
    A: day,
    a: day.slice(0, 3),
    H: two(date.getUTCHours()),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    '%': '%',
  }
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, plain: string, letter: string) => {
    const field = fields[letter]
    if (field === undefined) return whole
    return plain === '-' ? field.replace(/^[0 ](?=.)/, '') : field
  })
}
