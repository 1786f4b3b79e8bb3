/**
 * A room for those of one `auth`, and a page that writes down all it is told. What a tab has seen stays in its sessionStorage, so that it can be
 * held against what was said, over reloads. The policy allows what comes from here, and nothing else.
 */
const HEADERS = { 'content-security-policy': "default-src 'self'" }

const HTML = `<!doctype html><html lang="en"><meta charset="utf-8"><title>a page</title>
<a href="/plain">away</a><script src="/client.js"></script><script src="/page.js"></script>`
const PLAIN = '<!doctype html><html lang="en"><meta charset="utf-8"><title>plain</title><p>Nothing here.'

/** Runs in the page. Its options are in the URL's fragment, as JSON. */
function page() {
  const read = (name) => JSON.parse(sessionStorage.getItem(name) ?? '[]')
  const options = JSON.parse(decodeURIComponent(location.hash.slice(1) || '{}'))
  const log = { seen: read('seen'), told: [], debug: [], words: [], violations: [], persisted: null }
  window.log = log
  const note = (name) => (info) => log.told.push(info === undefined ? name : [name, info])
  const client = window.limpet.connect(location.origin, {
    ...options,
    ...(options.storage && { storage: sessionStorage }),
    debug: (what, details) => log.debug.push([what, details]),
  })
  window.client = client
  // What is seen is seen in a session: a new one begins at its beginning.
  client.on('connect', () => {
    log.seen = []
  })
  for (const name of ['connect', 'suspend', 'resume', 'discontinuity', 'progress', 'close'])
    client.on(name, note(name))
  client.on('said', (text) => {
    log.seen.push(text)
    sessionStorage.setItem('seen', JSON.stringify(log.seen))
  })
  client.on('resume', ({ missed }) => log.words.push(`back: ${missed} messages caught up`))
  // Behind the client's own listener: what is said now is for the next page.
  addEventListener('pagehide', () => options.farewell && client.emit('say', options.farewell))
  addEventListener('pageshow', ({ persisted }) => {
    log.persisted = persisted
  })
  addEventListener('securitypolicyviolation', ({ violatedDirective }) =>
    log.violations.push(violatedDirective),
  )
  setInterval(() => {
    if (client.retryInMs !== null) log.words.push(`reconnecting in ${Math.ceil(client.retryInMs / 1000)} s`)
    else if (client.state === 'suspended' && !navigator.onLine) log.words.push('you are offline')
  }, 50)
}

const PAGES = {
  '/': ['text/html', HTML],
  '/plain': ['text/html', PLAIN],
  '/page.js': ['text/javascript', `(${page})()`],
}

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.http(({ url }, response) => {
    const [type, body] = PAGES[url.split('?')[0]] ?? ['text/plain', '']
    response.writeHead(body ? 200 : 404, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(body)
  })
  server.use(({ auth }) => ({ room: String(auth ?? 'all') }))
  server.on('session', (session) => {
    session.on('open', () => session.join(session.data.room))
    session.on('enter', () => session.join(session.data.room))
    session.on('say', async (text) => {
      await server.to(session.data.room).emit('said', text)
      return text
    })
    session.on('weigh', (bytes) => bytes.length)
  })
}
