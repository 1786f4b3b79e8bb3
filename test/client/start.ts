/** A real client beside a scripted server, with everything it tells written down. */
import type { Test } from 'tap'
import type { Client, ClientLifecycle } from '../../lib/client/api.ts'
import { connectIn } from '../../lib/client/client.ts'
import type { ClientOptions } from '../../lib/client/options.ts'
import { type Surroundings, surroundings } from '../../lib/client/surroundings.ts'
import { ScriptedServer } from './scripted-server.ts'

export const LIFECYCLE = ['state', 'connect', 'suspend', 'resume', 'discontinuity', 'close'] as const

export interface Started {
  readonly server: ScriptedServer
  readonly client: Client
  /** `state connected`, `connect`, `resume {"replayed":0,…}`, … */
  readonly log: string[]
  readonly errors: unknown[]
}

export async function start(
  t: Test,
  options: ClientOptions = {},
  setUp: (server: ScriptedServer) => void = () => {},
  where: Partial<Surroundings> = {},
): Promise<Started> {
  const server = await ScriptedServer.start()
  setUp(server)
  const errors: unknown[] = []
  const report = (error: unknown): void => void errors.push(error)
  const client = connectIn({ ...surroundings, report, ...where }, server.url, {
    reconnectDelayMs: 20,
    connectTimeoutMs: 2000,
    ...options,
  })
  const log: string[] = []
  const note = (name: keyof ClientLifecycle, info?: unknown): void => {
    log.push(info === undefined ? name : `${name} ${typeof info === 'string' ? info : JSON.stringify(info)}`)
  }
  for (const name of LIFECYCLE) client.on(name, (info?: unknown) => note(name, info))
  t.teardown(async () => {
    client.close()
    await server.stop()
  })
  return { server, client, log, errors }
}
