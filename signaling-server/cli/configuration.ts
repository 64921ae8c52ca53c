// Options of a command from three places besides its defaults: flags, then the environment (CENTRAM_NAME), then a JSON file that
// `--config` or CENTRAM_CONFIG names, with the names of the flags as its keys.

import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { CentramError, errorMessage } from '#core/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Options of one attribute: `--ledger FILE` and `--no-ledger` are one setting. */
interface Setting {
  /** As its flag without the dashes: `model-file`. */
  readonly name: string
  readonly attribute: string
  /** Takes a value; absent for a switch. */
  readonly valued: Option | undefined
  /** May be turned off: it is a switch, or has a `--no-` form. */
  readonly canBeOff: boolean
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/** Lets every option of `command` be set by environment and file too. To be called when the command has all its options. */
export function acceptConfiguration(command: Command, environment: Environment = process.env): void {
  const settings = settingsOf(command.options)
  command
    .addOption(
      new Option('--config <file>', 'JSON file of settings, with the names of these flags as keys').env(
        'CENTRAM_CONFIG',
      ),
    )
    .addHelpText(
      'after',
      '\nEach option can also be set in the environment, as CENTRAM_ and its name (CENTRAM_HOST=0.0.0.0, CENTRAM_OPEN=no), or in ' +
        'the file\nthat --config names ({ "host": "0.0.0.0", "open": false }). Flags win over the environment, and that over the file.',
    )
    .hook('preAction', () => {
      const file = command.getOptionValue('config') as string | undefined
      const kept = file === undefined ? new Map<string, unknown>() : readSettingsFile(file, settings)
      for (const setting of settings) {
        const source = command.getOptionValueSource(setting.attribute)
        if (source === 'cli' || source === 'env') continue
        const variable = `CENTRAM_${setting.name.toUpperCase().replaceAll('-', '_')}`
        const text = environment[variable]
        if (text !== undefined && text !== '') {
          command.setOptionValueWithSource(setting.attribute, readText(setting, text, variable), 'env')
        } else if (kept.has(setting.name)) {
          const value = readValue(setting, kept.get(setting.name), `"${setting.name}" in ${file ?? ''}`)
          command.setOptionValueWithSource(setting.attribute, value, 'config')
        }
      }
    })
}

function settingsOf(options: readonly Option[]): readonly Setting[] {
  const attributes = [...new Set(options.map((option) => option.attributeName()))]
  return attributes.map((attribute): Setting => {
    const own = options.filter((option) => option.attributeName() === attribute)
    const valued = own.find((option) => option.required || option.optional)
    const name = (own[0]?.long ?? '').replace(/^--(no-)?/, '')
    return { name, attribute, valued, canBeOff: valued === undefined || own.some((option) => option.negate) }
  })
}

function readSettingsFile(file: string, settings: readonly Setting[]): ReadonlyMap<string, unknown> {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new CentramError('BAD_ARGUMENT', `The settings in ${file} cannot be read: ${errorMessage(cause)}`, { cause })
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CentramError('BAD_ARGUMENT', `${file} must hold one JSON object, such as { "host": "0.0.0.0" }.`)
  }
  const entries = Object.entries(content)
  const known = new Set(settings.map(({ name }) => name))
  const stranger = entries.find(([name]) => !known.has(name))
  if (stranger) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `There is no setting "${stranger[0]}", which ${file} has. There are: ${[...known].join(', ')}.`,
    )
  }
  return new Map(entries)
}

/** Of a variable: a list is separated by commas, and a switch by any of the usual words. */
function readText(setting: Setting, text: string, where: string): unknown {
  const word = text.trim().toLowerCase()
  if (setting.canBeOff && NO.includes(word)) return false
  if (setting.valued === undefined) {
    if (YES.includes(word)) return true
    throw new CentramError('BAD_ARGUMENT', `${where} is a switch: write yes or no, not “${text}”.`)
  }
  return readValue(setting, isList(setting.valued) ? text.split(',').map((part) => part.trim()) : text, where)
}

function readValue(setting: Setting, value: unknown, where: string): unknown {
  const { valued } = setting
  if (valued === undefined) {
    if (typeof value === 'boolean') return value
    throw new CentramError('BAD_ARGUMENT', `${where} is a switch: it must be true or false.`)
  }
  if (value === false && setting.canBeOff) return false
  const parts: readonly unknown[] = isList(valued) && Array.isArray(value) ? value : [value]
  let read: unknown = valued.defaultValue
  for (const part of parts) {
    if (typeof part !== 'string' && typeof part !== 'number') {
      throw new CentramError('BAD_ARGUMENT', `${where} must be a text or a number.`)
    }
    read = parseValue(valued, String(part), read, where)
  }
  return read
}

function parseValue(option: Option, text: string, before: unknown, where: string): unknown {
  if (option.argChoices && !option.argChoices.includes(text)) {
    throw new CentramError('BAD_ARGUMENT', `${where} must be one of ${option.argChoices.join(', ')}.`)
  }
  if (!option.parseArg) return text
  try {
    const parse: (text: string, before: unknown) => unknown = option.parseArg
    return parse(text, before)
  } catch (cause) {
    throw new CentramError('BAD_ARGUMENT', `${where}: ${errorMessage(cause)}`, { cause })
  }
}

const isList = (option: Option) => Array.isArray(option.defaultValue)
