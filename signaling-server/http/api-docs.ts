// The OpenAPI document as a page that people read: plain HTML without script, styled by a file of its own.

import type { OpenAPIHono } from '@hono/zod-openapi'

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>
type Json = Readonly<Record<string, unknown>>

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** What a program meets in `code`, and what it is to do. */
const CODES: Readonly<Record<string, string>> = {
  BAD_ARGUMENT: 'A parameter or a body is not what it should be; the detail names it.',
  FOREIGN_ORIGIN: 'A page of another site asked. Ask from a program, or from a page of this server.',
  FRAME_INVALID: 'The body is no such message.',
  FRAME_TOO_LARGE: 'The body is too large. Send it in parts.',
  INTERNAL: 'The server failed. Its log says why; nothing of the request was kept.',
  KEY_REVOKED: 'The author signed two logs, so nothing more of it is taken.',
  METHOD_NOT_ALLOWED: 'The address takes other methods; the header Allow names them.',
  NO_CAPACITY: 'The copy of the ledger is full. Use another server, or ask who runs this one.',
  NOT_FOUND: 'There is nothing of that name.',
  RATE_LIMITED: 'Wait a second, then go on more slowly.',
  SIGNATURE_INVALID: 'The node that it names did not sign it.',
}

export function writeDocs(document: Document): string {
  const {
    info,
    paths = {},
    components,
  } = document as unknown as {
    info: { title: string; version: string; description?: string }
    paths?: Record<string, Record<string, Json>>
    components?: { schemas?: Record<string, Json> }
  }
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [writeOperation(method, `/api${path}`, item[method])] : [])),
  )
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<section id="${escape(name)}"><h3>${escape(name)}</h3><pre tabindex="0">${escape(JSON.stringify(schema, null, 2))}</pre></section>`,
  )
  const codes = Object.entries(CODES).map(
    ([code, meaning]) => `<dt id="${code}"><code>${code}</code></dt><dd>${escape(meaning)}</dd>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API · ${escape(info.title)}</title>
<link rel="stylesheet" href="/api/docs.css">
</head>
<body>
<main>
<h1>${escape(info.title)} ${escape(info.version)}: API</h1>
<p>${escape(info.description ?? '')} For programs: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).
Refusals are problems as in RFC 9457, with a <code>code</code> of <a href="#codes">this list</a>.</p>
<h2>Addresses</h2>
${operations.join('\n')}
<h2>Shapes</h2>
${schemas.join('\n')}
<h2 id="codes">Codes of problems</h2>
<dl>${codes.join('\n')}</dl>
</main>
</body>
</html>
`
}

function writeOperation(method: string, path: string, operation: Json): string {
  const {
    summary,
    parameters = [],
    requestBody,
    responses = {},
  } = operation as {
    summary?: string
    parameters?: readonly { name: string; in: string; required?: boolean; description?: string; schema?: Json }[]
    requestBody?: { description?: string; content?: Json }
    responses?: Record<string, { description: string; content?: Record<string, { schema?: { $ref?: string } }> }>
  }
  const rows = parameters.map(
    (each) =>
      `<tr><td><code>${escape(each.name)}</code></td><td>${escape(each.in)}</td><td>${escape(describeSchema(each.schema))}</td><td>${escape(each.description ?? '')}</td></tr>`,
  )
  const table =
    rows.length === 0
      ? ''
      : `<table tabindex="0"><thead><tr><th>Parameter</th><th>In</th><th>Value</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`
  const body = requestBody
    ? `<p>Body: ${escape(Object.keys(requestBody.content ?? {}).join(', '))}. ${escape(requestBody.description ?? '')}</p>`
    : ''
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => {
    const shapes = Object.values(content).flatMap(({ schema }) => schema?.$ref?.split('/').at(-1) ?? [])
    const links = shapes.map((name) => ` <a href="#${escape(name)}">${escape(name)}</a>`).join('')
    return `<li><code>${escape(status)}</code> ${escape(description)}${links}</li>`
  })
  return `<section><h3><code>${method.toUpperCase()} ${escape(path)}</code></h3>
<p>${escape(summary ?? '')}</p>${table}${body}<ul>${answers.join('')}</ul></section>`
}

function describeSchema(schema: Json = {}): string {
  const { type = '', minimum, maximum, pattern, default: preset } = schema as Readonly<Record<string, string | number>>
  const range = minimum === undefined && maximum === undefined ? '' : ` ${minimum ?? ''} to ${maximum ?? ''}`
  const form = pattern === undefined ? '' : ` matching ${pattern}`
  const usual = preset === undefined ? '' : `, ${preset} where absent`
  return `${type}${range}${form}${usual}`
}

const escape = (text: string) => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

export const DOCS_STYLE = `:root {
  --paper: #fbfbf9; --ink: #1c1d1f; --quiet: #5c5f66; --line: #d9dadd; --accent: #0b57d0; --soft: #f1f1ee;
  font: 16px/1.6 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #16171a; --ink: #e9eaec; --quiet: #a3a7ae; --line: #34363b; --accent: #8ab4f8; --soft: #1f2125; }
}
body { margin: 0; background: var(--paper); color: var(--ink); }
main { max-width: 56rem; margin: 0 auto; padding: 32px 16px 64px; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 40px; } h3 { font-size: 1rem; margin: 24px 0 0; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); } section p { margin: 8px 0; }
a { color: var(--accent); }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 12px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:nth-child(3) { min-width: 12rem; overflow-wrap: anywhere; } td:nth-child(4) { min-width: 14rem; }
h3 code { font-weight: 600; }
th { color: var(--quiet); font-weight: 500; }
ul { padding-left: 20px; } dd { margin: 0 0 12px; }
`
