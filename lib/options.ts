/**
 * The command line and the environment, read by the table of options. A flag wins over the environment (`--grace-ms` is
 * `LIMPET_GRACE_MS`), the environment over the default. `--help` is made from the table.
 */
import { parseArgs } from 'node:util'
import { OPTION_TABLE, type Text, type WholeNumber } from './option-table.ts'

/** Of a variable that switches something on. */
const YES: readonly string[] = ['1', 'true', 'yes']

type Row = (typeof OPTION_TABLE)[number]
type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Value<R extends Row> = R extends { default: number }
  ? number
  : R['name'] extends 'journal'
    ? string | null
    : R['name'] extends 'journal-failure'
      ? 'memory' | 'stop'
      : string

/**
 * Values by name in camel case: `--grace-ms` is `graceMs`. `journal` is null with `--no-journal`; a text without default is
 * empty.
 */
export type Options = { readonly [R in Row as Camel<R['name']>]: Value<R> } & {
  /** Write through to the disk, against a loss of power. */
  readonly fsync: boolean
  /** The built-in chat lets anybody kill the worker of their session. */
  readonly demo: boolean
}

export type Parsed =
  | { readonly kind: 'run'; readonly options: Options; readonly app: string | null }
  /** One sentence for stderr. */
  | { readonly kind: 'wrong'; readonly message: string }
  /** `bin/serve reload`: of the server with this journal. */
  | { readonly kind: 'reload'; readonly journal: string }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }

type Env = Readonly<Record<string, string | undefined>>

/** Words that `bin/serve` keeps for itself; an application file of that name is written `./reload`. */
const RESERVED = new Set(['reload', 'top', 'inspect'])

/** @param argv what follows the name of the program */
export function parseOptions(argv: readonly string[], env: Env): Parsed {
  const flags = readFlags(argv)
  if (typeof flags === 'string') return wrong(flags)
  if (flags.values.help) return { kind: 'help', text: helpText() }
  if (flags.values.version) return { kind: 'version' }
  const [app, extra] = flags.positionals
  if (extra !== undefined) return wrong(`one application file at most, and not also '${extra}'`)
  if (app !== undefined && app !== 'reload' && RESERVED.has(app))
    return wrong(`there is no command '${app}' yet; an application file of that name is written ./${app}`)

  const options: Record<string, unknown> = {}
  for (const row of OPTION_TABLE) {
    const flag = flags.values[row.name] as string | undefined
    const variable = variableOf(row.name)
    const text = flag ?? (env[variable] || undefined)
    const value = text === undefined ? row.default : read(row, text)
    if (value === null)
      return wrong(`${flag === undefined ? variable : `--${row.name}`} must be ${formOf(row)}`)
    options[camel(row.name)] = value
  }
  const journal = journalFlags(flags.values, env)
  if (journal === 'both') return wrong('--journal and --no-journal exclude each other')
  if (journal === 'off') options.journal = null
  options.fsync = flags.values.fsync === true || YES.includes(env.LIMPET_FSYNC ?? '')
  options.demo = flags.values.demo === true || YES.includes(env.LIMPET_DEMO ?? '')
  const complete = options as Options
  // A message that is larger than what may be taken would stop its link for ever.
  if (complete.takenBytes < complete.payloadBytes)
    return wrong('--taken-bytes must not be less than --payload-bytes')
  if ((complete.tlsCert === '') !== (complete.tlsKey === ''))
    return wrong('--tls-cert and --tls-key belong together')
  if (flags.values.demo && app !== undefined) return wrong('--demo is for the built-in chat alone')
  if (app === 'reload')
    return complete.journal === null
      ? wrong('reload finds the server by its journal')
      : { kind: 'reload', journal: complete.journal }
  return { kind: 'run', options: complete, app: app ?? null }
}

function wrong(message: string): Parsed {
  return { kind: 'wrong', message: `${message} (see --help)` }
}

function readFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        'no-journal': { type: 'boolean' },
        fsync: { type: 'boolean' },
        demo: { type: 'boolean' },
        ...Object.fromEntries(OPTION_TABLE.map((row) => [row.name, { type: 'string' as const }])),
      },
    }) as { values: Record<string, string | boolean | undefined>; positionals: string[] }
  } catch (error) {
    // Node adds advice about `--` and whole paragraphs; the first sentence says what is wrong.
    return (error as Error).message.split(/\. |\.?\n/)[0] ?? 'wrong option'
  }
}

function read(row: WholeNumber | Text, text: string): number | string | null {
  if ('pattern' in row) {
    const value = row.name === 'path' && !text.endsWith('/') ? `${text}/` : text
    return row.pattern.test(value) ? value : null
  }
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value >= row.min && value <= row.max ? value : null
}

function formOf(row: WholeNumber | Text): string {
  if ('pattern' in row) return row.form
  const unit = row.unit === null ? '' : row.unit === 'ms' ? ' of milliseconds' : ' of bytes'
  return `a whole number${unit} from ${row.min} to ${row.max}`
}

/** A flag wins over both variables; two answers at one level are a mistake, not a choice. */
function journalFlags(flags: Record<string, unknown>, env: Env): 'on' | 'off' | 'both' {
  if (flags['no-journal']) return flags.journal === undefined ? 'off' : 'both'
  if (flags.journal !== undefined || !YES.includes(env.LIMPET_NO_JOURNAL ?? '')) return 'on'
  return env.LIMPET_JOURNAL ? 'both' : 'off'
}

function variableOf(name: string): string {
  return `LIMPET_${name.toUpperCase().replaceAll('-', '_')}`
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function helpText(): string {
  const rows = OPTION_TABLE.map((row: WholeNumber | Text) => {
    const unit =
      'unit' in row ? (row.unit === 'ms' ? ' MS' : row.unit === 'bytes' ? ' BYTES' : ' N') : ' TEXT'
    return `  ${`--${row.name}${unit}`.padEnd(30)}${row.help} (${row.default === '' ? 'none' : row.default})`
  })
  return [
    'limpet [app.js] [options]',
    'limpet reload [--journal DIR]',
    '',
    'Serves an application, or the built-in chat when none is given.',
    '',
    ...rows,
    `  ${'--no-journal'.padEnd(30)}keep nothing on disk`,
    `  ${'--fsync'.padEnd(30)}write the journal through to the disk, against a loss of power`,
    `  ${'--demo'.padEnd(30)}the built-in chat has a button that kills the worker it talks to`,
    `  ${'--help, --version'.padEnd(30)}`.trimEnd(),
    '',
    'In brackets: the default. Each option is also read from the environment: --grace-ms is LIMPET_GRACE_MS.',
  ].join('\n')
}
