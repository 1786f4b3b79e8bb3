/** Whoever issues tokens: keys on a URL, and JSON Web Tokens signed by hand. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Issuer {
  readonly url: string
  /** Requests for the keys are answered with 503 while it is false. */
  open: boolean
  /** How often the keys were asked for. */
  asked: number
  token(claims: Readonly<Record<string, unknown>>, head?: Readonly<Record<string, unknown>>): string
  stop(): Promise<void>
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
  const server = createServer((_req, res) => {
    issuer.asked += 1
    res.writeHead(issuer.open ? 200 : 503, { 'content-type': 'application/json', connection: 'close' })
    res.end(issuer.open ? JSON.stringify({ keys: [own] }) : '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    open: false,
    asked: 0,
    token(claims, head = { alg: 'ES256', kid: 'one' }) {
      const text = `${encode(head)}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return issuer
}
