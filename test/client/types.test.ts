/** Compile-time proof: `npx tsc -p test` fails where one of the `@ts-expect-error` lines is no error. */
import t from 'tap'
import { connect, type PresenceEvents } from '../../lib/client/index.ts'

interface ToServer {
  say(room: string, text: string): number
  leave(): void
  load(name: string): Promise<Uint8Array>
}
interface ToClient extends PresenceEvents<{ color: string }> {
  said(name: string, text: string): void
  confirm(question: string): boolean
}

/** Never called. */
export async function typed(): Promise<void> {
  const client = connect<ToServer, ToClient>('http://127.0.0.1')

  client.emit('say', 'lobby', 'hello')
  client.emit('leave')
  // @ts-expect-error an unknown event
  client.emit('shout')
  // @ts-expect-error a missing argument
  client.emit('say', 'lobby')
  // @ts-expect-error an argument of another type
  client.emit('say', 'lobby', 5)
  // @ts-expect-error an argument too many
  client.emit('leave', 1)
  // @ts-expect-error an event of the other direction
  client.emit('said', 'a', 'b')
  client.volatile.emit('leave')
  // @ts-expect-error
  client.volatile.emit('shout')

  const number: number = await client.emitWithAck('say', 'lobby', 'hello')
  const bytes: Uint8Array = await client.timeout(100).emitWithAck('load', 'x')
  // @ts-expect-error the answer is a number
  const text: string = await client.emitWithAck('say', 'lobby', 'hello')

  client.on('said', (name, text) => {
    name.toUpperCase()
    text.toUpperCase()
  })
  client.on('confirm', (question) => question.length > 0)
  client.once('confirm', async () => true)
  const seen: string[] = []
  client.on('said', (name) => seen.push(name))
  client.on('said', async (name) => seen.push(name))
  // @ts-expect-error the answer is a boolean
  client.on('confirm', () => 'yes')
  // @ts-expect-error an unknown event
  client.on('shouted', () => {})
  // @ts-expect-error a listener that wants something else
  client.on('said', (name: number) => name)

  client.on('joined', (room, { id, data }) => [room.length, id.length, data.color.length])
  // @ts-expect-error a field that is not public
  client.on('left', (_room, { data }) => data.token)

  client.on('state', (state) => state === 'recovering')
  // @ts-expect-error no such state
  client.on('state', (state) => state === 'asleep')
  client.on('resume', ({ replayed, missed, samePage }) => [replayed + missed, samePage === true])
  client.on('progress', (progress) =>
    progress.of === 'upload' ? progress.sent : progress.received / progress.total,
  )
  client.on('discontinuity', ({ code, handled, pending }) => [code, handled.toFixed(), pending.at(0)?.fate])
  client.on('close', ({ code, reason }) => code + reason)
  // @ts-expect-error read-only
  client.id = 'x'

  const loose = connect('http://127.0.0.1')
  loose.emit('anything', 1, { a: [new Uint8Array()] })
  loose.on('anything', (first, second) => [first, second])
  const answer: unknown = await loose.emitWithAck('anything')
  void [number, bytes, text, answer]
}

t.type(typed, 'function')
