/** Hellos as they reach a worker: none may take a session that a later one of its instance has had. */
import { type Data, parseFrame } from '../../lib/wire/frames.ts'
import { hashOf } from '../support/core.ts'
import type { Node } from './node.ts'
import type { SimLink } from './wire.ts'

export interface HellosWorld {
  count(what: string): void
  find(finding: string): void
}

export function isHello(data: Data | undefined): data is string {
  return typeof data === 'string' && /^(\d+:)?h\{/.test(data)
}

export class Hellos {
  readonly #world: HellosWorld
  /** Highest attempt that got a session, by session and instance. */
  readonly #heard = new Map<string, number>()

  constructor(world: HellosWorld) {
    this.#world = world
  }

  arrive(node: Node, link: SimLink, data: string): void {
    const message = parseFrame(data, 'client')
    if (message?.type !== 'hello') throw new Error(`no hello: ${data}`)
    const { key, id, instance, attempt } = message.hello
    const session = node.state.byKey.get(hashOf(key))
    const former = session?.link as SimLink | null | undefined
    const heard = (session && this.#heard.get(`${session.id}/${instance}`)) ?? 0
    node.sessions.linkFrame(link, data)
    if (!link.session) return
    this.#heard.set(`${link.session.id}/${instance}`, attempt)
    if (link.session !== session) return
    if (attempt <= heard)
      this.#world.find(`${instance}: attempt ${attempt} came behind ${heard} and was taken`)
    if (former) this.#world.count(former.cut ? 'half-open links taken over' : 'live links taken over')
    if (id === undefined) this.#world.count('lost welcomes')
  }
}
