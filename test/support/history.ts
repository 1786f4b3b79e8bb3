/**
 * What happened to every message, and what of it must not have happened. Pure: tests record, the checker judges.
 * A stream is one direction of one client's conversation; its messages are told apart by payload, because counts
 * can match while contents do not.
 */

/** How a promise of a send was settled. */
export type Fate = 'delivered' | 'not_delivered' | 'unknown'

export type FindingKind =
  /** Sent, never received, and nobody was told of a discontinuity after it was sent. */
  | 'lost'
  | 'doubled'
  /** Received behind a message that was sent later. */
  | 'reordered'
  /** Received, never sent. */
  | 'phantom'
  /** Received under the right name with other content. */
  | 'altered'
  | 'received after close'
  | 'never settled'
  | 'settled twice'
  /** Settled as delivered and never received, or as not delivered and received. */
  | 'settled wrong'
  /** The session became another one and the application was not told. */
  | 'discontinuity not told'

export interface Finding {
  readonly kind: FindingKind
  readonly stream: string
  readonly message: string
}

interface Sent {
  readonly position: number
  readonly content: string
  /** Discontinuities told when it was sent: only a later one excuses its loss. */
  readonly toldBefore: number
  readonly mustSettle: boolean
  readonly fates: Fate[]
}

interface Stream {
  readonly sent: Map<string, Sent>
  readonly received: { readonly id: string; readonly content: string; readonly afterClose: boolean }[]
  readonly sessions: { readonly id: string; readonly told: number }[]
  told: number
  closed: boolean
}

export class History {
  readonly #streams = new Map<string, Stream>()

  /**
   * @param id unique in its stream
   * @param settles its sender holds a promise: `settled` must follow
   */
  sent(stream: string, id: string, content = '', settles = false): void {
    const s = this.#stream(stream)
    if (s.sent.has(id)) throw new Error(`${stream}: ${id} is sent twice by the test itself`)
    const position = s.sent.size
    s.sent.set(id, { position, content, toldBefore: s.told, mustSettle: settles, fates: [] })
  }

  received(stream: string, id: string, content = ''): void {
    const s = this.#stream(stream)
    s.received.push({ id, content, afterClose: s.closed })
  }

  settled(stream: string, id: string, fate: Fate): void {
    const sent = this.#stream(stream).sent.get(id)
    if (!sent) throw new Error(`${stream}: ${id} is settled by the test and was never sent`)
    sent.fates.push(fate)
  }

  /** The id of the session an end sees now. */
  session(stream: string, id: string): void {
    const s = this.#stream(stream)
    if (s.sessions.at(-1)?.id !== id) s.sessions.push({ id, told: s.told })
  }

  /** The application was told that the stream broke. */
  discontinuity(stream: string): void {
    this.#stream(stream).told += 1
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
    return [...this.#streams].flatMap(([name, stream]) => [
      ...receivedWrong(name, stream),
      ...sentWrong(name, stream),
      ...untold(name, stream),
    ])
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name)
    if (!stream) {
      stream = { sent: new Map(), received: [], sessions: [], told: 0, closed: false }
      this.#streams.set(name, stream)
    }
    return stream
  }
}

function receivedWrong(stream: string, { sent, received }: Stream): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  let highest = -1
  for (const { id, content, afterClose } of received) {
    const find = (kind: FindingKind): unknown => findings.push({ kind, stream, message: id })
    if (afterClose) find('received after close')
    const origin = sent.get(id)
    if (!origin) {
      find('phantom')
      continue
    }
    if (origin.content !== content) find('altered')
    if (seen.has(id)) {
      find('doubled')
      continue
    }
    seen.add(id)
    if (origin.position < highest) find('reordered')
    highest = Math.max(highest, origin.position)
  }
  return findings
}

function sentWrong(stream: string, { sent, received, told }: Stream): Finding[] {
  const findings: Finding[] = []
  const seen = new Set(received.map(({ id }) => id))
  for (const [id, { toldBefore, mustSettle, fates }] of sent) {
    const find = (kind: FindingKind): unknown => findings.push({ kind, stream, message: id })
    if (!seen.has(id) && toldBefore === told) find('lost')
    if (mustSettle && fates.length === 0) find('never settled')
    if (fates.length > 1) find('settled twice')
    if (fates[0] === 'delivered' && !seen.has(id)) find('settled wrong')
    if (fates[0] === 'not_delivered' && seen.has(id)) find('settled wrong')
  }
  return findings
}

function untold(stream: string, { sessions }: Stream): Finding[] {
  return sessions
    .filter(({ told }, i) => i > 0 && told === sessions[i - 1]!.told)
    .map(({ id }) => ({ kind: 'discontinuity not told', stream, message: id }))
}

/**
 * One order per room: each member must have seen a gapless piece of one sequence.
 * @param seen what each member saw, by member
 * @returns one sentence per member that saw something else
 */
export function orderFindings(seen: ReadonlyMap<string, readonly string[]>): string[] {
  const longest = [...seen.values()].reduce((a, b) => (b.length > a.length ? b : a), [])
  const places = new Map(longest.map((id, place) => [id, place]))
  const findings: string[] = []
  for (const [member, ids] of seen) {
    const start = places.get(ids[0] ?? '') ?? 0
    const wrong = ids.findIndex((id, i) => longest[start + i] !== id)
    if (wrong >= 0) findings.push(`${member} saw ${ids[wrong]} where others saw ${longest[start + wrong]}`)
  }
  return findings
}
