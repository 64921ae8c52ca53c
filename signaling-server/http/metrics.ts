// What the server counts, as Prometheus reads it (text exposition format 0.0.4).

export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[]
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function writeMetrics(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, type, samples }) =>
      [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(({ labels = {}, value }) => `${name}${writeLabels(labels)} ${value}`),
      ].join('\n'),
    )
    .join('\n')
    .concat('\n')
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escape)}"`)
  return entries.length === 0 ? '' : `{${entries.join(',')}}`
}

const escape = (character: string) => (character === '\n' ? '\\n' : `\\${character}`)
