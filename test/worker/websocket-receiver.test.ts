/** Held against ws's receiver as ws itself uses it: whatever comes, in whatever pieces, both say the same. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import t from 'tap'
import * as ws from 'ws'
import {
  type ReceiverEvents,
  Receivers,
  type WebSocketReceiver,
} from '../../lib/worker/websocket-receiver.ts'
import { type Random, seeded } from '../support/seed.ts'

// Its types leave it out.
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

const LIMITS = { maxPayload: 300, maxBufferedChunks: 40, maxFragments: 4 }
const KINDS = { text: 1, bytes: 2, more: 0, close: 8, ping: 9, pong: 10, reserved: 3 } as const
const CASES = 1500

interface Written {
  readonly opcode: number
  readonly payload: Uint8Array
  readonly last: boolean
  readonly masked: boolean
  readonly reserved: number
}

function encode({ opcode, payload, last, masked, reserved }: Written, random: Random): Uint8Array {
  const { length } = payload
  const head = [(last ? 0x80 : 0) | reserved | opcode]
  const mask = masked ? 0x80 : 0
  if (length < 126) head.push(mask | length)
  else head.push(mask | 126, length >> 8, length & 0xff)
  if (!masked) return Uint8Array.from([...head, ...payload])
  const key = random.bytes(4)
  return Uint8Array.from([...head, ...key, ...payload.map((byte, i) => byte ^ key[i % 4]!)])
}

/** Mostly in order: else nothing would get past the first frame. */
function frameOf(random: Random, inMessage: boolean): Written {
  const wrong = random.chance(0.03)
  const data = inMessage ? KINDS.more : random.pick([KINDS.text, KINDS.bytes])
  const opcode = wrong
    ? random.pick(Object.values(KINDS))
    : random.chance(0.25)
      ? random.pick([KINDS.ping, KINDS.pong, KINDS.ping, KINDS.close])
      : data
  const control = opcode >= 8
  const length = random.pick([0, 1, 2, 5, 60, 125, ...(control && !wrong ? [] : [126, 200, 301])])
  const isText = random.chance(0.9)
  let payload = isText ? Buffer.from('é'.repeat(length)).subarray(0, length & ~1) : random.bytes(length)
  if (opcode === KINDS.close && payload.length >= 2)
    payload = Uint8Array.from([3, random.pick([232, 233, 238, 240]), ...payload.subarray(2)])
  return {
    opcode,
    payload,
    last: control ? !random.chance(0.02) : random.chance(0.7),
    masked: !random.chance(0.005),
    reserved: random.chance(0.01) ? random.pick([0x40, 0x20, 0x10]) : 0,
  }
}

function streamOf(random: Random): Buffer {
  const frames: Uint8Array[] = []
  let inMessage = false
  for (let n = random.int(1, 12); n > 0; n--) {
    const frame = frameOf(random, inMessage)
    if (frame.opcode < 8) inMessage = !frame.last
    frames.push(encode(frame, random))
  }
  return Buffer.concat(frames)
}

function pieces(bytes: Buffer, random: Random): Buffer[] {
  const most = random.pick([1, 3, 20, 1000])
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = random.int(1, most)
    out.push(bytes.subarray(at, at + size))
    at += size
  }
  return out
}

/** Unmasking is done in place: each gets bytes of its own. */
const copies = (chunks: readonly Buffer[]): Buffer[] => chunks.map((chunk) => Buffer.from(chunk))

/** Of several connections, whose pieces come in turns and share what reads them. */
function ours(streams: readonly (readonly Buffer[])[], random: Random): string[][] {
  const receivers = new Receivers(LIMITS)
  const ends = streams.map((chunks) => new End(copies(chunks)))
  for (let open = ends; open.length > 0; open = open.filter((end) => end.left.length > 0))
    random.pick(open).next(receivers)
  return ends.map(({ seen }) => seen)
}

class End implements ReceiverEvents {
  readonly seen: string[] = []
  left: Buffer[]
  #receiver: WebSocketReceiver | null = null

  constructor(chunks: Buffer[]) {
    this.left = chunks
  }

  next(receivers: Receivers): void {
    const chunk = this.left.shift()
    if (chunk) this.#receiver = receivers.read(chunk, this.#receiver, this)
  }

  message(data: Buffer, isBinary: boolean): void {
    this.seen.push(`${isBinary ? 'bytes' : 'text'} ${data.toString('hex')}`)
  }

  pinged(data: Buffer): void {
    this.seen.push(`ping ${data.toString('hex')}`)
  }

  concluded(code: number): void {
    this.seen.push(`close ${code}`)
    this.left = []
  }

  failed(code: number): void {
    this.seen.push(`error ${code}`)
    this.left = []
  }
}

async function theirs(chunks: readonly Buffer[]): Promise<string[]> {
  const seen: string[] = []
  const receiver = new Receiver({ ...LIMITS, isServer: true })
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    seen.push(`${isBinary ? 'bytes' : 'text'} ${data.toString('hex')}`),
  )
  receiver.on('ping', (data: Buffer) => seen.push(`ping ${data.toString('hex')}`))
  receiver.on('conclude', (code: number) => seen.push(`close ${code}`))
  const failed = once(receiver, 'error').then(([error]) => {
    const status = Object.getOwnPropertySymbols(error).find((symbol) => symbol.description === 'status-code')!
    seen.push(`error ${(error as Record<symbol, number>)[status]}`)
  })
  for (const chunk of copies(chunks))
    if (!receiver.destroyed && !receiver.writableEnded) receiver.write(chunk)
  if (!receiver.destroyed && !receiver.writableEnded) receiver.end()
  await Promise.race([once(receiver, 'finish').catch(() => {}), failed])
  return seen
}

t.test('random streams of three connections, in random pieces', async (t) => {
  const random = seeded(t)
  const ends = new Map<string, number>()
  for (let n = 0; n < CASES; n++) {
    const streams = Array.from({ length: 3 }, () => pieces(streamOf(random), random))
    const here = ours(streams, random)
    const there = await Promise.all(streams.map(theirs))
    for (const seen of here) {
      const end = /^(error|close) \d+/.exec(seen.at(-1) ?? '')?.[0] ?? 'open'
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
    if (JSON.stringify(here) === JSON.stringify(there)) continue
    t.same(here, there, `case ${n}`)
    break
  }
  t.comment(JSON.stringify(Object.fromEntries(ends)))
  for (const end of [
    'open',
    'close 1005',
    'close 1000',
    'error 1002',
    'error 1007',
    'error 1008',
    'error 1009',
  ])
    t.ok(ends.get(end), `some ended: ${end}`)
})
