/** PROTOCOL.md is what others write clients by: its tables and examples are held against the code. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseOptions as parseClientOptions } from '../../lib/client/options.ts'
import { TRANSITIONS } from '../../lib/client/transitions.ts'
import { OPTION_TABLE } from '../../lib/option-table.ts'
import { parseOptions } from '../../lib/options.ts'
import { roll } from '../../lib/wire/checksum.ts'
import { CODES, isCode, retryOf } from '../../lib/wire/codes.ts'
import {
  type Data,
  encodeAnswer,
  encodeEvent,
  Frame,
  parseFrame,
  TYPES,
  VERSION,
} from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import { RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import { isTooDeep } from '../../lib/wire/values.ts'
import { ROOT } from '../support/root.ts'

const DOCUMENT = readFileSync(join(ROOT, 'lib/wire/PROTOCOL.md'), 'utf8')
/** Wherever its lines break. */
const PROSE = DOCUMENT.replace(/\s+/g, ' ')

/** Rows of the table whose head row is this, cell by cell; an empty or missing one is a broken document. */
function table(head: string): [string, string, string, string, string][] {
  const lines = DOCUMENT.split('\n')
  const at = lines.indexOf(head)
  if (at < 0) throw new Error(`PROTOCOL.md has no table ${head}`)
  const rows = lines.slice(at + 2)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  if (end < 1) throw new Error(`the table ${head} is empty`)
  // A row may be shorter; then a comparison below fails.
  return rows.slice(0, end).map((row) => {
    const cells = row.split('|').slice(1, -1)
    return cells.map((cell) => cell.trim()) as [string, string, string, string, string]
  })
}

/** The one match of a pattern; what the document says in a sentence. */
function said(pattern: RegExp): string[] {
  const [, ...parts] = pattern.exec(PROSE) ?? []
  if (parts.length === 0) throw new Error(`PROTOCOL.md does not say ${pattern}`)
  return parts
}

/** `text`, or hex `bytes`. */
function data(cell: string): Data {
  const [, hex, text = ''] = /^(hex )?`(.*)`$/.exec(cell) ?? []
  return hex ? new Uint8Array(Buffer.from(text, 'hex')) : text
}

function inTicks(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}

t.test('version', async (t) => {
  t.strictSame(said(/^# The session protocol, version (\d+) /), [String(VERSION)])
})

t.test('frames', async (t) => {
  const rows = table('| frame | type | from | counted | example |')
  const listed = rows.map(([name, type]) => [name, data(type)])
  t.strictSame(Object.fromEntries(listed), TYPES)
  for (const [name, type, from, counted, cell] of rows) {
    const example = data(cell)
    t.equal(example[0], data(type), name)
    const client = parseFrame(example, 'client')
    const server = parseFrame(example, 'server')
    const sides = [...(client ? ['client'] : []), ...(server ? ['server'] : [])]
    t.strictSame(sides, from === 'both' ? ['client', 'server'] : [from], name)
    const message = client ?? server
    t.equal(message?.type, name === 'question' ? 'event' : name)
    t.equal(message?.type === 'event' && message.wantsAnswer, name === 'question')
    t.equal(counted === '✓', message?.type === 'event' || message?.type === 'answer', name)
  }
})

t.test('nesting', async (t) => {
  const deepest = Number(said(/nested (\d+) deep/)[0])
  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
  t.notOk(isTooDeep(nested(deepest)))
  t.ok(isTooDeep(nested(deepest + 1)))
})

t.test('the worked example of the rolling check', async (t) => {
  const rows = table('| number | frame | bytes | crc32 | check |')
  const hex = (word: number): string => word.toString(16).padStart(8, '0')
  let check = 0
  for (const [i, [number, cell, bytes, crc32, rolled]] of rows.entries()) {
    const frame = new Frame(data(cell))
    check = roll(check, frame.crc)
    t.strictSame(
      [number, bytes, crc32, rolled],
      [String(i + 1), String(frame.size), hex(frame.crc), hex(check)],
    )
  }
  const sent = [
    encodeEvent('say', ['lobby', 'héllo 😀']),
    encodeEvent('sum', [1, 2], true),
    encodeEvent('put', [{ k: new Uint8Array([1, 2, 255]) }]),
    encodeAnswer(5, { ok: true, value: 3 }),
  ]
  t.strictSame(
    rows.map(([, cell]) => data(cell)),
    sent,
    'the frames are what the encoder makes',
  )
  const [head] = said(/Its head is `(.+?)`\. /)
  const binary = Buffer.from(sent[2] as Uint8Array)
  t.equal(binary.subarray(5, 5 + binary.readUInt32BE(1)).toString(), head)
  t.strictSame(said(/check × (\d+) \+ crc32/), [String(roll(1, 0))])
})

t.test('when received is due', async (t) => {
  const { server, client } = RECEIVED_AFTER
  t.strictSame(
    said(/the server (\d+), (\d+), (\d+), because .* client (\d+), (\d+), (\d+)\./),
    [server, client].flatMap(({ messages, bytes, ms }) => [messages, bytes, ms]).map(String),
  )
})

t.test('numbers on polling', async (t) => {
  const sender = new NumberedSender()
  const receiver = new NumberedReceiver()
  for (const [nth, plain, numbered] of table('| nth frame of the link | on a WebSocket | on polling |')) {
    t.strictSame(sender.encode(data(plain)), data(numbered), nth)
    t.strictSame(receiver.decode(data(numbered)), { ok: true, data: data(plain) }, nth)
  }
})

t.test('states', async (t) => {
  const rows = table('| state | means | next |')
  const listed = rows.map(([state, , next]) => [data(state), inTicks(next)])
  const known = Object.entries(TRANSITIONS)
  t.strictSame(Object.fromEntries(listed), Object.fromEntries(known))
  const { connector } = parseClientOptions('http://localhost', {}, () => 'x')
  const waits = [connector.reconnectDelayMaxMs, connector.reconnectDelayMs].map(String)
  t.strictSame(said(/random × min\((\d+) ms, (\d+) ms × 2ⁿ\)/), waits)
})

t.test('codes', async (t) => {
  const rows = table('| number | code | policy | meaning |')
  const listed = rows.map(([number, name, policy, meaning]) => [data(name), { number, policy, meaning }])
  const known = Object.entries(CODES).map(([name, { number, text }]) => [
    name,
    { number: String(number), policy: retryOf(name), meaning: text },
  ])
  t.strictSame(Object.fromEntries(listed), Object.fromEntries(known))
  t.equal(rows.length, known.length)
})

t.test('every code that the document names exists, and those it says are never sent are not', async (t) => {
  const answers = table('| the hello | the answer |').map(([, answer]) => answer)
  const limits = table('| limit | option | default | at the limit |').map(([, , , answer]) => answer)
  for (const name of [...answers, ...limits].flatMap(inTicks))
    t.ok(isCode(name) || ['join', 'sent'].includes(name) || name.startsWith('--'), name)
  const folder = join(ROOT, 'lib/worker')
  const worker = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  const unsent = inTicks(said(/this server sends none of ([^.]+)\./)[0]!)
  t.ok(unsent.length > 0)
  for (const name of unsent) t.ok(isCode(name) && !worker.includes(`'${name}'`), name)
})

t.test('limits', async (t) => {
  const parsed = parseOptions([], {})
  if (parsed.kind !== 'run') throw new Error('no options at all are refused')
  for (const [limit, option, value] of table('| limit | option | default | at the limit |')) {
    const name = /^`--([a-z-]+)`$/
      .exec(option)?.[1]
      ?.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    t.equal(String(parsed.options[name as keyof typeof parsed.options]), value, limit)
  }
})

/** Numbers among the options that are no limit of anything. */
const NO_LIMIT = new Set(['port', 'admin-port', 'workers', 'flush-ms'])

t.test('every option that is a limit has its row, and is named by a test', async (t) => {
  const rows = new Map(
    table('| limit | option | default | at the limit |').map(([, option, , answer]) => [option, answer]),
  )
  const folder = join(ROOT, 'test')
  const tests = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(options|wire.protocol)\.test|^bench/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  for (const row of OPTION_TABLE) {
    if (!('unit' in row) || NO_LIMIT.has(row.name)) continue
    t.ok(rows.get(`\`--${row.name}\``), `--${row.name} has a row that says what happens`)
    const inCamel = row.name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    t.ok(new RegExp(`--${row.name}\\b|\\b${inCamel}\\b`).test(tests), `--${row.name} is tested`)
  }
})
