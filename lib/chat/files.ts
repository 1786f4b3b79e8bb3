/** The chat's page and the client script, read once at start and served from memory. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Settings } from './events.ts'

/** Answers the request and returns true, or returns false: the path is not one of its own. */
export type Pages = (req: IncomingMessage, res: ServerResponse) => boolean

interface Page {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

/** Where `npm run build` puts the bundled files. */
const BUILT = new URL('./public/', import.meta.url)

const HEADERS = {
  // Nothing inline, nothing foreign. 'self' covers the WebSocket of the same host and port.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  // Kept by browsers, asked for each time: a deploy shows at once, an unchanged file costs a 304.
  'cache-control': 'no-cache',
}

/** `/client.js`: the client as one script with the global `limpet`; `/client.mjs`: as a module. Throws where the build is missing. */
export function clientScript(folder = BUILT): Pages {
  return serve(
    new Map([
      ['/client.js', page(folder, 'client.js', 'text/javascript')],
      ['/client.js.map', page(folder, 'client.js.map', 'application/json')],
      ['/client.mjs', page(folder, 'client.mjs', 'text/javascript')],
      ['/client.mjs.map', page(folder, 'client.mjs.map', 'application/json')],
    ]),
  )
}

export interface PageSettings extends Settings {
  /** Where the server takes links. */
  readonly path: string
}

/** The chat's page at `/`, with its style, script and icon. Throws where the build is missing. */
export function chatPages(settings: PageSettings, folder = BUILT): Pages {
  return serve(
    new Map([
      ['/', page(folder, 'index.html', 'text/html', (html) => withSettings(html, settings))],
      ['/style.css', page(folder, 'style.css', 'text/css')],
      ['/page.js', page(folder, 'page.js', 'text/javascript')],
      ['/icon.svg', page(folder, 'icon.svg', 'image/svg+xml')],
    ]),
  )
}

function page(folder: URL, name: string, type: string, change = (text: string) => text): Page {
  const body = Buffer.from(change(readFileSync(new URL(name, folder), 'utf8')))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { body, type: `${type}; charset=utf-8`, etag }
}

/** As attributes of the root: the page's policy allows no script that is not a file. */
function withSettings(html: string, { path, fileBytes, partBytes, demo }: PageSettings): string {
  const values = { path, 'file-bytes': fileBytes, 'part-bytes': partBytes, demo: demo ? 'on' : 'off' }
  const attributes = Object.entries(values).map(
    ([name, value]) => `data-${name}="${String(value).replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"`,
  )
  return html.replace('<html lang="en"', () => `<html lang="en" ${attributes.join(' ')}`)
}

function serve(pages: ReadonlyMap<string, Page>): Pages {
  return (req, res) => {
    const found = pages.get((req.url ?? '').split('?', 1)[0] ?? '')
    if (!found) return false
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      const sentence = 'This page can only be read.\n'
      res.writeHead(405, { allow: 'GET, HEAD', 'content-type': 'text/plain; charset=utf-8' }).end(sentence)
      return true
    }
    const headers = { ...HEADERS, etag: found.etag }
    if (isKnown(req.headers['if-none-match'], found.etag)) {
      res.writeHead(304, headers).end()
      return true
    }
    res.writeHead(200, { ...headers, 'content-type': found.type, 'content-length': found.body.length })
    res.end(req.method === 'HEAD' ? undefined : found.body)
    return true
  }
}

/** The weak comparison of RFC 9110: a proxy that compresses turns our tag into `W/"…"`. */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}
