/** Pages of two origins in a real browser: the one that is named may connect, the other may not. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { launchBrowser } from '../support/browser.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

/** Connects as its query says, and shows it by its title. */
const PAGE = `<!doctype html><title>waiting</title><script>
  const [server, transport] = location.search.slice(1).split(',')
  const script = document.createElement('script')
  script.src = server + '/client.js'
  script.onload = () =>
    limpet.connect(server, { transports: [transport] }).on('connect', () => { document.title = 'connected' })
  document.head.append(script)
</script>`

const launched = await launchBrowser()
const skip = launched.browser === null ? launched.reason : false

t.test('pages of other origins', { skip }, async (t) => {
  const browser = launched.browser!
  t.teardown(() => browser.close())
  const pages = createServer((_, res) => void res.setHeader('content-type', 'text/html').end(PAGE))
  t.teardown(() => {
    pages.close()
    pages.closeAllConnections()
  })
  await once(pages.listen(0, '127.0.0.1'), 'listening')
  const { port } = pages.address() as AddressInfo
  const named = `http://127.0.0.1:${port}`
  const cluster = await startCluster(t, { app: 'load', args: ['--origin', named, '--log-level', 'debug'] })
  const refused = (): number =>
    cluster.log().filter(({ msg }) => msg === 'Pages of this origin may not connect here.').length
  const page = await browser.newPage()
  for (const transport of ['websocket', 'polling']) {
    await page.goto(`${named}/?${cluster.url},${transport}`)
    await until(async () => (await page.title()) === 'connected', 5000, `the named origin by ${transport}`)
    const before = refused()
    await page.goto(`http://localhost:${port}/?${cluster.url},${transport}`)
    await until(() => refused() > before, 5000, `the refusal by ${transport}`)
    t.equal(await page.title(), 'waiting', `another origin by ${transport}`)
  }
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
