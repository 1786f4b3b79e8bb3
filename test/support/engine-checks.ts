/** Checks of the Engine.IO protocol, each on a connection with a segment of its own, and on one with none. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { EnginePeer, type EngineSocket } from './engine-peer.ts'

export type Check = (t: Test, peer: EnginePeer) => Promise<void>

/** Over an open WebSocket. */
export async function opened(peer: EnginePeer): Promise<EngineSocket> {
  const socket = peer.socket()
  await socket.next()
  return socket
}

export async function isOver(t: Test, peer: EnginePeer, sid: string): Promise<void> {
  t.equal((await peer.poll(sid)).status, 400, 'a poll')
  t.equal((await peer.post(sid, '4late')).status, 400, 'a post')
}

export const segmentPath = (): string => `/api/${randomBytes(16).toString('base64url')}`
const PLACES = { 'a random segment': () => `${segmentPath()}/`, 'no segment': () => '/api/' }

export async function checkAll(
  t: Test,
  port: number,
  checks: Readonly<Record<string, Check>>,
): Promise<void> {
  await t.test('with a random segment, and with none', async (t) => {
    // Some wait for time to pass.
    t.jobs = 8
    for (const [name, check] of Object.entries(checks))
      for (const [place, path] of Object.entries(PLACES))
        t.test(`${place}: ${name}`, { buffered: true }, (t) => check(t, new EnginePeer(port, path())))
  })
}
