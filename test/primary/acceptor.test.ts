/** What the primary answers itself, through real sockets. */
import { once } from 'node:events'
import t from 'tap'
import { connect, exchange, openFiles, readReply, startPrimary, until } from './fixtures/primary.ts'

const { port, primary } = await startPrimary(t, [
  '--workers',
  '1',
  '--head-bytes',
  '512',
  '--head-ms',
  '1000',
])

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

t.test('bad heads', async (t) => {
  const malformed = await exchange(port, ['nonsense\r\n\r\n'])
  t.match(malformed, { status: 400, body: 'The request line is malformed.', head: /connection: close/i })
  t.match(await exchange(port, [get('/api/a.b/')]), { status: 400, body: 'The segment is malformed.' })
  t.match(await exchange(port, [get('/'.padEnd(5000, 'x'))]), { status: 431, body: /512 bytes/ })
  t.match(await exchange(port, ['GET / HTTP/1.1\r\n', 'X: '.padEnd(400, 'x'), 'x'.repeat(400)]), {
    status: 431,
  })
  const start = performance.now()
  t.match(await exchange(port, ['GET / HTTP/1.1\r\nHo']), { status: 408, head: /text\/plain/ })
  t.ok(performance.now() - start > 990, 'not before its deadline')
  t.match(await exchange(port, [get('//')]), { status: 200 }, 'the worker still answers')
})

t.test('a client that ends its side', async (t) => {
  const cut = await connect(port)
  cut.end('GET / HT')
  t.match(await readReply(cut), { status: 400, body: 'The request head ended early.' })
  const whole = await connect(port)
  whole.end(get('/page'))
  t.match(await readReply(whole), { status: 200 }, 'is answered when its head is whole')
  const silent = await connect(port)
  silent.resume()
  silent.end()
  await once(silent, 'close')
  t.equal(silent.bytesRead, 0, 'a connection without a byte is closed without a word')
})

t.test('an answer is not reset away by what the client still sends', async (t) => {
  for (let i = 0; i < 20; i++) {
    const parts = Array.from({ length: 20 }, () => Buffer.alloc(20_000, 'x'))
    t.match(await exchange(port, ['GET / HTTP/1.1\r\n', ...parts]), { status: 431 })
  }
})

t.test('health', async (t) => {
  t.match(await exchange(port, [get('/health')]), {
    status: 200,
    body: '{"status":"ok"}',
    head: /application\/json/,
  })
  const socket = await connect(port)
  socket.write('HEAD /health HTTP/1.1\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  t.match(text, /^HTTP\/1.1 200 OK[\s\S]*\r\n\r\n$/, 'HEAD has no body')
})

t.test('nothing is left of many short connections', async (t) => {
  const before = openFiles()
  for (let i = 0; i < 50; i++) {
    await exchange(port, [get(`/api/s${i}/`)])
    await exchange(port, ['bad\n'])
    const cut = await connect(port)
    cut.on('error', () => {})
    cut.write('GET / H')
    cut.resetAndDestroy()
  }
  await until(() => openFiles() <= before)
  t.ok(openFiles() <= before)
  t.equal(primary.pids.length, 1)
})
