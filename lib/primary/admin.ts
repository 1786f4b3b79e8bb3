/**
 * The admin side: a port of its own, on the loopback, off by default. What it tells is never on the public port; who can
 * reach it is the machine's business.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const HOST = '127.0.0.1'

export interface Health {
  /** As on the public port. */
  readonly status: string
  readonly [detail: string]: unknown
}

export class Admin {
  readonly #health: () => Health
  readonly #server = createServer((req, res) => this.#answer(req, res))

  constructor(health: () => Health) {
    this.#health = health
  }

  /** Rejects with the error of listen(2). */
  async listen(port: number): Promise<void> {
    await once(this.#server.listen(port, HOST), 'listening')
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    // A page whose own host name leads here would else read it, through the browser of somebody on this machine.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(req.headers.host ?? ''))
      return say(res, 403, 'The admin side is asked by the name of this machine only.')
    if (req.method !== 'GET' && req.method !== 'HEAD') return say(res, 405, 'This can only be read.')
    if (req.url !== '/health') return say(res, 404, 'There is nothing here.')
    const health = this.#health()
    const body = `${JSON.stringify(health, null, 2)}\n`
    res.writeHead(health.status === 'ok' || health.status === 'journal_failing' ? 200 : 503, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    })
    res.end(body)
  }
}

function say(res: ServerResponse, status: number, sentence: string): void {
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(sentence)
}
