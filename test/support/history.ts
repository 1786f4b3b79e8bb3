/**
 * What happened to every message, and what of it must not have happened. Pure: tests record, the checker judges.
 * A stream is one direction of one client's conversation; its messages are told apart by payload, because counts
 * can match while contents do not.
 */

/** What a sender is told of a message. */
export type Fate = 'delivered' | 'not_delivered' | 'unknown'

export type FindingKind =
  /**
   * Sent and never received: in a session that goes on, or before one of the same session that was received. A
   * discontinuity excuses the end of a session, never a hole in it.
   */
  | 'lost'
  | 'doubled'
  /** Received, or handled, behind a message that was sent later in the same session. */
  | 'reordered'
  /** Received, never sent, or sent in another session. */
  | 'phantom'
  /** Received under the right name with other content. */
  | 'altered'
  | 'received after close'
  | 'never settled'
  /** Or told its fate by two discontinuities. */
  | 'settled twice'
  /** Called delivered and never received (handled, where that is known), or not delivered and received. */
  | 'told wrong'
  /** A resume failed: the session became another one and the application was not told. */
  | 'discontinuity not told'
  /** The two sides found out that they do not agree on what was sent: they always must. */
  | 'disagreement'
  /** Somebody acted for the session after somebody else had taken it over. */
  | 'two owners'

export interface Finding {
  readonly kind: FindingKind
  readonly stream: string
  readonly message: string
}

/** A session by its id, or by how many discontinuities the client was told before it. */
type SessionName = string | number

interface Sent {
  readonly position: number
  readonly content: string
  readonly session: SessionName
  readonly mustSettle: boolean
  /** How its promise was settled. */
  readonly settled: Fate[]
  /** What was said of it without being asked. */
  readonly told: Fate[]
}

interface Received {
  readonly id: string
  readonly content: string
  readonly session: string | null
  readonly afterClose: boolean
}

interface Stream {
  readonly sent: Map<string, Sent>
  readonly received: Received[]
  /** Messages whose handlers are done; null where nobody says. */
  handled: Set<string> | null
  readonly sessions: { readonly id: string; readonly told: number }[]
  readonly disagreements: string[]
  told: number
  closed: boolean
}

export class History {
  readonly #streams = new Map<string, Stream>()
  /** By session, in the order in which they came. */
  readonly #owners = new Map<string, string[]>()

  /**
   * @param id unique in its stream
   * @param settles its sender holds a promise: `settled` must follow
   * @param session where the sender knows it; else the one that the client has
   */
  sent(stream: string, id: string, content = '', settles = false, session?: string): void {
    const s = this.#stream(stream)
    if (s.sent.has(id)) throw new Error(`${stream}: ${id} is sent twice by the test itself`)
    const position = s.sent.size
    const sent = { position, content, session: session ?? s.told, mustSettle: settles, settled: [], told: [] }
    s.sent.set(id, sent)
  }

  received(stream: string, id: string, content = ''): void {
    const s = this.#stream(stream)
    s.received.push({ id, content, session: s.sessions.at(-1)?.id ?? null, afterClose: s.closed })
  }

  /** What the application did about a message it received is done. */
  handled(stream: string, id: string): void {
    const s = this.#stream(stream)
    s.handled ??= new Set()
    s.handled.add(id)
  }

  settled(stream: string, id: string, fate: Fate): void {
    this.#sentOf(stream, id).settled.push(fate)
  }

  /** A discontinuity said this of a message, whether somebody waited for it or not. */
  told(stream: string, id: string, fate: Fate): void {
    this.#sentOf(stream, id).told.push(fate)
  }

  /** The id of the session an end sees now. */
  session(stream: string, id: string): void {
    const s = this.#stream(stream)
    if (s.sessions.at(-1)?.id !== id) s.sessions.push({ id, told: s.told })
  }

  /** The application was told that the session is lost. */
  discontinuity(stream: string, code = ''): void {
    const s = this.#stream(stream)
    s.told += 1
    if (code === 'count_mismatch') s.disagreements.push(s.sessions.at(-1)?.id ?? '')
  }

  /** A link, process or page that acts for a session: the one before must not act any more. */
  owner(session: string, owner: string): void {
    const owners = this.#owners.get(session)
    if (!owners) this.#owners.set(session, [owner])
    else if (owners.at(-1) !== owner) owners.push(owner)
  }

  /** The application was told that the stream is over. */
  closed(stream: string): void {
    this.#stream(stream).closed = true
  }

  /** How many messages were sent and received, over all streams: a check of nothing finds nothing. */
  totals(): { sent: number; received: number } {
    let sent = 0
    let received = 0
    for (const s of this.#streams.values()) {
      sent += s.sent.size
      received += s.received.length
    }
    return { sent, received }
  }

  /** Every message that was sent has been received or was excused. */
  complete(): boolean {
    return !this.findings().some(({ kind }) => kind === 'lost' || kind === 'never settled')
  }

  findings(): Finding[] {
    const ofStreams = [...this.#streams].flatMap(([name, stream]) => [
      ...receivedWrong(name, stream),
      ...sentWrong(name, stream),
      ...toldWrong(name, stream),
    ])
    return [...ofStreams, ...[...this.#owners].flatMap(([session, owners]) => twoOwners(session, owners))]
  }

  #sentOf(stream: string, id: string): Sent {
    const sent = this.#stream(stream).sent.get(id)
    if (!sent) throw new Error(`${stream}: the test tells of ${id}, which was never sent`)
    return sent
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name)
    if (!stream) {
      stream = {
        sent: new Map(),
        received: [],
        handled: null,
        sessions: [],
        disagreements: [],
        told: 0,
        closed: false,
      }
      this.#streams.set(name, stream)
    }
    return stream
  }
}

function receivedWrong(stream: string, { sent, received, handled }: Stream): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  for (const { id, content, session, afterClose } of received) {
    const find = (kind: FindingKind): unknown => findings.push({ kind, stream, message: id })
    if (afterClose) find('received after close')
    const origin = sent.get(id)
    if (!origin || (typeof origin.session === 'string' && origin.session !== session)) {
      find('phantom')
      continue
    }
    if (origin.content !== content) find('altered')
    if (seen.has(id)) find('doubled')
    seen.add(id)
  }
  for (const ids of [seen, handled ?? []]) {
    const highest = new Map<SessionName, number>()
    for (const id of ids) {
      const origin = sent.get(id)
      if (!origin) continue
      const { session, position } = origin
      if (position < (highest.get(session) ?? 0)) findings.push({ kind: 'reordered', stream, message: id })
      else highest.set(session, position)
    }
  }
  return findings
}

function sentWrong(stream: string, { sent, received, handled, sessions, told }: Stream): Finding[] {
  const findings: Finding[] = []
  const seen = new Set(received.map(({ id }) => id))
  const done = handled ?? seen
  /** The session that goes on, by both its names. */
  const present: SessionName[] = [told, ...sessions.slice(-1).flatMap((s) => (s.told === told ? s.id : []))]
  const lastSeen = new Map<SessionName, number>()
  for (const [id, { session, position }] of sent) if (seen.has(id)) lastSeen.set(session, position)
  for (const [id, { session, position, mustSettle, settled, told }] of sent) {
    const find = (kind: FindingKind): unknown => findings.push({ kind, stream, message: id })
    const isDue = present.includes(session) || position < (lastSeen.get(session) ?? -1)
    if (!seen.has(id) && isDue) find('lost')
    if (mustSettle && settled.length === 0) find('never settled')
    if (settled.length > 1 || told.length > 1) find('settled twice')
    const fates = [...settled, ...told]
    if (fates.includes('delivered') && !done.has(id)) find('told wrong')
    if (fates.includes('not_delivered') && seen.has(id)) find('told wrong')
  }
  return findings
}

function toldWrong(stream: string, { sessions, disagreements }: Stream): Finding[] {
  const findings = disagreements.map((id): Finding => ({ kind: 'disagreement', stream, message: id }))
  for (const [i, { id, told }] of sessions.entries()) {
    if (told === sessions[i - 1]?.told) findings.push({ kind: 'discontinuity not told', stream, message: id })
  }
  return findings
}

/** A list of them is in order, each once: whoever comes again acts beside the one that took over. */
function twoOwners(session: string, owners: readonly string[]): Finding[] {
  return owners
    .filter((owner, i) => owners.indexOf(owner) < i)
    .map((owner) => ({ kind: 'two owners', stream: session, message: owner }))
}
