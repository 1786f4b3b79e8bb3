/** Socket.IO's stock client, the bundle for browsers that its server brings along, with what it wants of a browser. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { WebSocket } from 'ws'

export interface StockClient {
  readonly id?: string
  readonly io: { readonly engine: { readonly transport: { readonly name: string } } }
  on(name: string, heard: (...args: never[]) => void): void
  emit(name: string, ...args: unknown[]): void
  emitWithAck(name: string, ...args: unknown[]): Promise<unknown>
  close(): void
}

type Connect = (url: string, options: Record<string, unknown>) => StockClient

const require = createRequire(import.meta.url)
const requireOfClient = createRequire(require.resolve('engine.io-client'))
Object.assign(globalThis, { WebSocket, XMLHttpRequest: requireOfClient('xmlhttprequest-ssl') })
const folder = dirname(require.resolve('socket.io/package.json'))
const connect = require(join(folder, 'client-dist/socket.io.js')) as Connect

/** Nothing shared with other clients of this process. */
export function stockClient(url: string, path: string, options: Record<string, unknown> = {}): StockClient {
  return connect(url, { path, forceNew: true, reconnectionDelay: 20, ...options })
}
