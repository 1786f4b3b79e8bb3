/** What stands between a client and its server, at the byte it matters: middleboxes, and links that are held back. */
import type { FaultProxy, ProxyConnection } from './proxy.ts'
import { until } from './until.ts'

/** The connection that asks for a WebSocket, made after so many. */
export async function upgraded(proxy: FaultProxy, made: number): Promise<ProxyConnection> {
  const find = () => proxy.connections.find(({ id, upgrade }) => upgrade && id > made)
  await until(() => find() !== undefined, 5000, 'an upgrade')
  return find()!
}

/** Nothing passes down any more, new connections included. Resolves when the server has written this text. */
export function holdDown(proxy: FaultProxy, text: string): Promise<void> {
  return new Promise((resolve) => {
    const hold = (connection: ProxyConnection): void => {
      connection.stall('down')
      void holdFrom(connection, text).then(resolve)
    }
    proxy.rules.plan = hold
    for (const connection of proxy.connections) hold(connection)
  })
}

/** Resolves when the server has written this text; from there on nothing passes down. */
export function holdFrom(connection: ProxyConnection, text: string): Promise<void> {
  return new Promise((resolve) => {
    connection.down.inspect = (chunk) => {
      if (chunk.includes(text)) {
        connection.stall('down')
        resolve()
      }
      return true
    }
  })
}

/** `passes` is asked as soon as the head says that a WebSocket is wanted. */
export function onUpgrade(connection: ProxyConnection, passes: () => boolean): void {
  const { inspect } = connection.up
  connection.up.inspect = (chunk) => {
    const whole = inspect?.(chunk) ?? true
    return whole && (!connection.upgrade || passes())
  }
}

export function refusal(status: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
}
