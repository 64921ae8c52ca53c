// The loss curve of a run as an SVG for the docs: training as a line, held-out text as dots on one.

import type { CurvePoint } from './run-files.ts'

const WIDTH = 720
const HEIGHT = 320
const LEFT = 56
const RIGHT = 20
const TOP = 40
const BOTTOM = 48
const INK = '#2b2a27'
const GREY = '#77736a'
const BLUE = '#2f6db5'
const ORANGE = '#b5562f'

/** `bytesPerStep` labels the axis. At least one point. */
export function drawCurve(curve: readonly CurvePoint[], bytesPerStep: number): string {
  const last = curve.at(-1)?.step ?? 1
  const values = curve.flatMap(({ loss, heldOut }) => (heldOut === undefined ? [loss] : [loss, heldOut]))
  const low = Math.floor(Math.min(...values) * 2) / 2
  const high = Math.max(low + 0.5, Math.ceil(Math.max(...values) * 2) / 2)
  const x = (step: number) => coordinate(LEFT + (step / last) * (WIDTH - LEFT - RIGHT))
  const y = (loss: number) => coordinate(TOP + ((high - loss) / (high - low)) * (HEIGHT - TOP - BOTTOM))
  const held = curve.flatMap(({ step, heldOut }) => (heldOut === undefined ? [] : [{ step, loss: heldOut }]))
  const path = (points: readonly { step: number; loss: number }[]) =>
    points.map(({ step, loss }, i) => `${i === 0 ? 'M' : 'L'}${x(step)} ${y(loss)}`).join('')
  const rows = Array.from({ length: Math.round((high - low) * 2) + 1 }, (_, i) => low + i / 2)
  const steps = Array.from({ length: 5 }, (_, i) => Math.round((last * i) / 4))
  const end = held.at(-1)
  const title = `Loss of the built-in model over ${last} training steps`
  const described = end ? `The held-out loss ends at ${end.loss.toFixed(2)} nats a byte.` : 'No text was held out.'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">`,
    `  <title id="title">${title}</title>`,
    `  <desc id="description">${described}</desc>`,
    `  <rect width="${WIDTH}" height="${HEIGHT}" rx="10" fill="#faf9f5" />`,
    ...rows.flatMap((loss) => [
      `  <path d="M${LEFT} ${y(loss)}H${WIDTH - RIGHT}" stroke="#e3dfd4" />`,
      `  <text x="${LEFT - 8}" y="${y(loss) + 4}" text-anchor="end" fill="${GREY}">${loss.toFixed(1)}</text>`,
    ]),
    ...steps.map(
      (step) => `  <text x="${x(step)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="${GREY}">${step}</text>`,
    ),
    `  <text x="${LEFT}" y="24" fill="${INK}">nats a byte</text>`,
    `  <text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end" fill="${INK}">steps of ${bytesPerStep} bytes</text>`,
    `  <path d="${path(curve)}" fill="none" stroke="${BLUE}" stroke-width="1.5" stroke-linejoin="round" />`,
    `  <path d="${path(held)}" fill="none" stroke="${ORANGE}" stroke-width="1.5" stroke-dasharray="4 3" />`,
    ...held.map(({ step, loss }) => `  <circle cx="${x(step)}" cy="${y(loss)}" r="3.5" fill="${ORANGE}" />`),
    `  <text x="${WIDTH - RIGHT - 150}" y="24" text-anchor="end" fill="${BLUE}">training, mean of 25 steps</text>`,
    `  <text x="${WIDTH - RIGHT}" y="24" text-anchor="end" fill="${ORANGE}">held out${end ? `: ${end.loss.toFixed(2)} at the end` : ''}</text>`,
    '</svg>',
    '',
  ].join('\n')
}

const coordinate = (value: number): number => Number(value.toFixed(1))
