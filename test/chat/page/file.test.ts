/** What a page does with files, but for showing them: recognises pictures, sends and fetches parts. */
import t from 'tap'
import type { Attachment } from '../../../lib/chat/events.ts'
import { Downloads } from '../../../lib/chat/page/downloads.ts'
import { pictureIn } from '../../../lib/chat/page/picture.ts'
import { type Sender, Uploads } from '../../../lib/chat/page/uploads.ts'
import { LimpetError } from '../../../lib/index.ts'
import { seeded } from '../../support/seed.ts'

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const PICTURES = {
  png: bytes('89504e47 0d0a1a0a 0000000d 49484452 00000280 000001e0 08060000 00'),
  gif: bytes('47494638 3961 8002 e001 f70000'),
  jpeg: bytes('ffd8 ffe0 0004 4a46 ffff db 0003 00 ffc0 0011 08 01e0 0280 03'),
  progressive: bytes('ffd8 ffe1 0006 45786966 ffc2 0011 08 01e0 0280 03'),
  lossy: bytes('52494646 00000000 57454250 56503820 00000000 000000 9d012a 8002 e001'),
  lossless: bytes('52494646 00000000 57454250 5650384c 00000000 2f 7fc27700'),
  extended: bytes('52494646 00000000 57454250 56503858 0a000000 00000000 7f0200 df0100'),
}

t.test('pictures are known by their bytes', async (t) => {
  for (const [name, picture] of Object.entries(PICTURES))
    t.match(pictureIn(picture), { width: 640, height: 480 }, name)
  t.same(
    [PICTURES.png, PICTURES.gif, PICTURES.jpeg, PICTURES.lossy].map((picture) => pictureIn(picture)?.type),
    ['image/png', 'image/gif', 'image/jpeg', 'image/webp'],
  )
})

t.test('what is none, or too large to be shown', async (t) => {
  const text = (words: string): Uint8Array => new TextEncoder().encode(words)
  const others = [
    new Uint8Array(),
    text('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    text('<!doctype html><script>alert(1)</script>'),
    text('%PDF-1.7 and so on and so forth'),
    bytes('ffd8 ffd9'),
    bytes('52494646 00000000 57415645 666d7420 10000000 00000000'),
    bytes('89504e47 0d0a1a0a 0000000d 49484452 00000000 000001e0'),
    bytes('89504e47 0d0a1a0a 0000000d 49484452 00004001 00000001'),
    bytes('89504e47 0d0a1a0a 0000000d 49484452 00003000 00003000'),
  ]
  for (const other of others)
    t.equal(pictureIn(other), null, Buffer.from(other).toString('latin1').slice(0, 20))
})

t.test('bytes that are cut or bent never throw', async (t) => {
  const random = seeded(t)
  for (const picture of Object.values(PICTURES)) {
    for (let length = 0; length < picture.length; length++) pictureIn(picture.slice(0, length))
    for (let i = 0; i < 500; i++) {
      const bent = picture.slice()
      for (let j = 0; j < 3; j++) bent[random.int(0, bent.length - 1)] = random.int(0, 255)
      const found = pictureIn(bent)
      if (found) t.ok(found.width * found.height <= 50_000_000)
    }
  }
  t.pass('none did')
})

const NEXT = () => new Promise<void>((done) => setImmediate(done))

/** A server's answers, as many as there are; then all is taken. */
class Script implements Sender {
  readonly calls: string[] = []
  readonly #failures: (string | null)[]
  constructor(failures: (string | null)[]) {
    this.#failures = failures
  }
  async part(index: number, { length }: Uint8Array): Promise<void> {
    await this.#answer(`part ${index}: ${length}`)
  }
  async share(room: string, ref: string, name: string): Promise<void> {
    await this.#answer(`share ${room} ${ref} ${name}`)
  }
  async measure(): Promise<null> {
    return null
  }
  async #answer(call: string): Promise<void> {
    this.calls.push(call)
    await NEXT()
    const code = this.#failures.shift()
    if (code) throw new LimpetError(code)
  }
}

function uploads(...failures: (string | null)[]) {
  const script = new Script(failures)
  const seen: string[] = []
  let over: () => void = () => {}
  const done = new Promise<void>((resolve) => {
    over = resolve
  })
  let refs = 0
  const queue = new Uploads(script, { fileBytes: 10, partBytes: 4 }, () => `r${++refs}`, {
    progress: (ref, share) => seen.push(`${ref} ${share}`),
    failed: (ref, error) => {
      seen.push(`${ref} failed: ${(error as LimpetError).code}`)
      over()
    },
    sent: (ref, { length }) => seen.push(`${ref} sent: ${length}`),
  })
  return { queue, script, seen, done }
}

const file = (length: number, name = 'a.bin'): File => new File([new Uint8Array(length)], name)

t.test('a file leaves in parts, and the next one behind it', async (t) => {
  const { queue, script, seen, done } = uploads(null, null, null, null, null, 'room_unavailable')
  t.same(queue.add('pool', file(10)), { ok: true, ref: 'r1', name: 'a.bin', size: 10 })
  t.match(queue.add('reef', file(2, 'b.bin')), { ok: true, ref: 'r2' })
  await done
  const first = ['part 0: 4', 'part 1: 4', 'part 2: 2', 'share pool r1 a.bin']
  t.same(script.calls, [...first, 'part 0: 2', 'share reef r2 b.bin'])
  t.same(seen, [
    ...['r1 0.4', 'r1 0.8', 'r1 1', 'r1 sent: 10'],
    ...['r2 1', 'r2 sent: 2', 'r2 failed: room_unavailable'],
  ])
})

t.test('what cannot be sent is not begun', async (t) => {
  const { queue, script } = uploads()
  t.match(queue.add('pool', file(11)), { ok: false, reason: /11 B.*10 B/ })
  t.match(queue.add('pool', file(0)), { ok: false, reason: /empty/ })
  await NEXT()
  t.same(script.calls, [])
})

t.test('a session that is lost on the way: all parts once more', async (t) => {
  const { queue, script, done } = uploads(
    null,
    'unknown',
    null,
    null,
    null,
    'not_delivered',
    null,
    null,
    null,
    'refused',
  )
  queue.add('pool', file(10))
  await done
  const parts = ['part 0: 4', 'part 1: 4', 'part 2: 2']
  t.same(script.calls, [
    ...parts.slice(0, 2),
    ...[...parts, 'share pool r1 a.bin'],
    ...[...parts, 'share pool r1 a.bin'],
  ])
})

t.test('what may have been shared is not shared again', async (t) => {
  const { queue, script, seen, done } = uploads(null, 'unknown')
  queue.add('pool', file(1))
  await done
  t.same(script.calls, ['part 0: 1', 'share pool r1 a.bin'])
  t.equal(seen.at(-1), 'r1 failed: unknown')
})

const attachment = (id: string, size: number, parts: number): Attachment => ({
  ...{ id, name: id, size, parts, picture: null },
})

t.test('one part at a time, and each file once', async (t) => {
  let most = 0
  let open = 0
  let asked = 0
  const downloads = new Downloads(async (id, part) => {
    asked += 1
    open += 1
    most = Math.max(most, open)
    await NEXT()
    open -= 1
    return new Uint8Array(2).fill(id === 'a' ? part : 9)
  })
  const progress: number[] = []
  const a = attachment('a', 4, 2)
  const [first, again, other] = await Promise.all([
    downloads.get(a, (share) => progress.push(share)),
    downloads.get(a, () => {}),
    downloads.get(attachment('b', 2, 1), () => {}),
  ])
  t.same([[...first], again === first, [...other]], [[0, 0, 1, 1], true, [9, 9]])
  t.same([most, asked, progress], [1, 3, [0.5, 1]])
  await downloads.get(a, () => {})
  t.equal(asked, 3, 'it is kept')
  downloads.keep('c', new Uint8Array(64 * 1024 * 1024))
  await downloads.get(a, () => {})
  t.equal(asked, 5, 'until there is too much')
})

t.test('a file that is not what it was said to be', async (t) => {
  let length = 2
  const downloads = new Downloads(async () => new Uint8Array(length))
  await t.rejects(
    downloads.get(attachment('a', 3, 1), () => {}),
    /not what/,
  )
  await t.rejects(
    downloads.get(attachment('a', 3, 2), () => {}),
    /not what/,
  )
  length = 3
  t.equal((await downloads.get(attachment('a', 3, 1), () => {})).length, 3, 'asked for again, it may be')
})
