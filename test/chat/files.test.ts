import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { NAME_MAX, ROOM_MAX, TEXT_MAX } from '../../lib/chat/events.ts'
import { chatPages, clientScript, type Pages } from '../../lib/chat/files.ts'
import { ROOT } from '../support/root.ts'

interface Answer {
  status: number | undefined
  headers: Record<string, unknown>
  body: string
}

const FILES = {
  'index.html': '<html lang="en">',
  'style.css': 'body{}',
  'page.js': '"page"',
  'icon.svg': '<svg/>',
  'client.js': 'var limpet',
  'client.js.map': '{}',
  'client.mjs': 'export {}',
  'client.mjs.map': '{}',
}

const SETTINGS = { path: '/api/', fileBytes: 4096, partBytes: 1024, demo: false }

const folderOf = (t: Test): URL => pathToFileURL(`${t.testdir(FILES)}/`)

/** Serves `pages` on a real port; returns what asks it. */
async function serve(t: Test, pages: Pages) {
  const server = createServer((req, res) => {
    if (!pages(req, res)) res.writeHead(404).end('not here')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => new Promise((done) => server.close(done)))
  const { port } = server.address() as AddressInfo
  return (path: string, method = 'GET', headers = {}): Promise<Answer> =>
    new Promise((done, failed) => {
      const req = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, async (res) => {
        let body = ''
        for await (const chunk of res.setEncoding('utf8')) body += chunk
        done({ status: res.statusCode, headers: res.headers, body })
      })
      req.on('error', failed).end()
    })
}

t.test('the chat page and what it needs', async (t) => {
  const ask = await serve(t, chatPages(SETTINGS, folderOf(t)))
  const types = {
    '/': 'text/html; charset=utf-8',
    '/style.css': 'text/css; charset=utf-8',
    '/page.js': 'text/javascript; charset=utf-8',
    '/icon.svg': 'image/svg+xml; charset=utf-8',
    '/?from=somewhere': 'text/html; charset=utf-8',
  }
  for (const [path, type] of Object.entries(types)) {
    const { status, headers, body } = await ask(path)
    t.match({ status, type: headers['content-type'] }, { status: 200, type }, path)
    t.equal(headers['content-length'], String(Buffer.byteLength(body)), path)
    t.equal(headers['x-content-type-options'], 'nosniff')
  }
  for (const path of ['/client.js', '/index.html', '/../package.json', '/style.css/', '//', '*'])
    t.equal((await ask(path)).status, 404, path)
})

t.test('nothing inline and nothing foreign is allowed to run', async (t) => {
  const ask = await serve(t, chatPages(SETTINGS, folderOf(t)))
  const policy = String((await ask('/')).headers['content-security-policy'])
  t.match(policy, /^default-src 'none';/)
  t.match(policy, /script-src 'self';/)
  t.match(policy, /style-src 'self';/)
  t.match(policy, /img-src 'self';/)
  t.notMatch(policy, /unsafe|\*|https?:|blob:|data:/)
})

t.test(
  'the page is told where the server takes links, how large files may be, and whether to kill workers',
  async (t) => {
    const ask = await serve(t, chatPages({ ...SETTINGS, path: '/a$&"b/', demo: true }, folderOf(t)))
    const attributes =
      'data-path="/a$&amp;&quot;b/" data-file-bytes="4096" data-part-bytes="1024" data-demo="on"'
    t.equal((await ask('/')).body, `<html lang="en" ${attributes}>`)
  },
)

t.test('an unchanged file costs a 304', async (t) => {
  const ask = await serve(t, clientScript(folderOf(t)))
  const { headers } = await ask('/client.js')
  const etag = String(headers.etag)
  t.equal(headers['cache-control'], 'no-cache')
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const { status, body, headers } = await ask('/client.js', 'GET', { 'if-none-match': known })
    t.same([status, body, headers.etag], [304, '', etag], known)
  }
  t.equal((await ask('/client.js', 'GET', { 'if-none-match': '"other"' })).status, 200)
})

t.test('HEAD answers without a body, other methods are refused', async (t) => {
  const ask = await serve(t, clientScript(folderOf(t)))
  const head = await ask('/client.js', 'HEAD')
  t.same([head.status, head.body], [200, ''])
  t.equal(head.headers['content-length'], String(FILES['client.js'].length))
  const post = await ask('/client.js', 'POST')
  t.same([post.status, post.headers.allow], [405, 'GET, HEAD'])
  t.equal((await ask('/', 'POST')).status, 404, 'not its own path')
})

t.test('a missing build is noticed at start', async (t) => {
  t.throws(() => clientScript(pathToFileURL(`${t.testdir({})}/`)), { code: 'ENOENT' })
})

t.test('the page keeps to its own policy, and to the limits of the app', async (t) => {
  const html = readFileSync(join(ROOT, 'lib/chat/page/index.html'), 'utf8')
  t.notMatch(html, /<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:|https?:/i)
  for (const [name, max] of Object.entries({ name: NAME_MAX, wanted: ROOM_MAX, text: TEXT_MAX }))
    t.match(html, new RegExp(`data-part="${name}"[^>]* maxlength="${max}"`))
})
