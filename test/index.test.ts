/** Compile-time proof for the server's half of the shared interfaces: `npx tsc -p test` fails where a line is no error. */
import t from 'tap'
import {
  type App,
  CODES,
  type HistoryPage,
  LimpetError,
  type PresenceEvents,
  type Server,
} from '../lib/index.ts'

interface ToServer {
  say(room: string, text: string): number
  leave(): void
}
interface ToClient extends PresenceEvents<Pick<Data, 'name'>> {
  said(name: string, text: string): void
  confirm(question: string): boolean
}
interface Data {
  name: string
  token: string
}

/** Never called. */
export const app: App<ToServer, ToClient, Data> = (server) => {
  server.use(async ({ auth }) => ({ name: String(auth), token: 'secret' }))
  server.publicData('name')
  // @ts-expect-error no such field
  server.publicData('nick')
  // @ts-expect-error data of another shape
  server.use(() => ({ nick: 'ann' }))

  server.on('session', (session) => {
    session.on('say', (room, text, message) => room.length + text.length + message.id.length)
    // @ts-expect-error an unknown event
    session.on('shout', () => {})
    // @ts-expect-error the answer is a number
    session.on('say', () => 'yes')
    session.on('close', ({ code, reason }) => code + reason)
    void session.join('lobby', { presence: true })
    // @ts-expect-error true or false
    void session.join('lobby', { presence: 'yes' })
    session.to('lobby').emit('joined', 'lobby', { id: session.id, data: { name: session.data.name } })
    void server
      .room('lobby')
      .members()
      .then(([member]) => member?.data.name?.toUpperCase())
    void server
      .room('lobby')
      .history({ limit: 10, before: 5 })
      .then(({ entries, epoch, earlier }: HistoryPage) => [
        entries[0]?.number,
        epoch,
        earlier === 'forgotten',
      ])
    // @ts-expect-error no such option
    void server.room('lobby').history({ after: 5 })

    session.emit('said', session.data.name, 'hello')
    // @ts-expect-error a missing argument
    session.emit('said', 'ann')
    // @ts-expect-error an event of the other direction
    session.emit('say', 'lobby', 'hello')
    session.volatile.emit('said', 'ann', 'hello')
    session.to('lobby').except(session.id).emit('said', 'ann', 'hello')
    // @ts-expect-error an argument of another type
    session.to('lobby').emit('said', 'ann', 5)

    session.update({ name: 'bob' })
    // @ts-expect-error no such field
    session.update({ nick: 'bob' })
    // @ts-expect-error read-only: changed by update alone
    session.data.name = 'bob'
    void session
      .timeout(100)
      .emitWithAck('confirm', 'sure?')
      .then((yes: boolean) => yes)
    // @ts-expect-error the answer is a boolean
    void session.emitWithAck('confirm', 'sure?').then((yes: string) => yes)
  })
}

/** Never called: without interfaces everything may be sent. */
export function untyped(server: Server): void {
  server.on('session', (session) => {
    session.on('anything', (...args) => args.length)
    session.on('say', (text) => String(text))
    session.on('say', async (text: string, times: number) => text.repeat(times))
    session.emit('anything', 1, { a: new Uint8Array(1) })
  })
  server.to('room').emit('anything')
}

t.test('the public names', async (t) => {
  const error = new LimpetError('outbox_full')
  t.match(error, { name: 'LimpetError', code: 'outbox_full', retry: 'none', message: CODES.outbox_full.text })
  t.match(new LimpetError('logged_out', 'log in first'), {
    code: 'logged_out',
    retry: 'never',
    message: 'log in first',
  })
})
