/** Mistakes that somebody could make in lib, each as an edit of one file. What proves the promise must find them all. */

export interface Mutation {
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly from: string
  readonly to: string
  /** What must find it where the simulation cannot see it; absent: the simulation must. */
  readonly tests?: readonly string[]
}

const TO_CLIENT = 'lib/worker/flush.ts'
const ROOMS = 'lib/worker/apply-room.ts'
const TO_SERVER = 'lib/client/live.ts'

export const MUTATIONS: readonly Mutation[] = [
  // What is sent, and from where.
  {
    name: 'skip one',
    file: TO_CLIENT,
    from: 'out.push(frame)',
    to: 'if (session.cursor !== 7) out.push(frame)',
  },
  {
    name: 'double one',
    file: TO_CLIENT,
    from: 'out.push(frame)',
    to: 'out.push(frame)\n    if (session.cursor === 7) out.push(frame)',
  },
  {
    name: 'swap two',
    file: TO_SERVER,
    from: 'frames.push(data)',
    to: 'frames.splice(bytes > 0 ? -1 : frames.length, 0, data)',
  },
  {
    name: 'forge one',
    file: TO_SERVER,
    from: 'frames.push(data)',
    to: 'frames.push(this.#cursor === 5 ? \'e["echo","c0:forged","","a"]\' : data)',
  },
  {
    name: 'worker replays from one too late',
    file: 'lib/worker/admission.ts',
    from: 'session.cursor = base\n',
    to: 'session.cursor = Math.min(base + 1, session.outbox.end)\n',
  },
  {
    name: 'worker replays from one too early',
    file: 'lib/worker/admission.ts',
    from: 'from: base + 1,',
    to: 'from: base + 2,',
  },
  {
    name: 'client replays from one too late',
    file: TO_SERVER,
    from: 'this.#cursor = welcome.taken',
    to: 'this.#cursor = Math.min(welcome.taken + 1, conversation.outbox.end)',
  },
  {
    name: 'client replays from one too early',
    file: TO_SERVER,
    from: 'this.#cursor = welcome.taken',
    to: 'this.#cursor = Math.max(welcome.taken - 1, conversation.outbox.base)',
  },
  {
    name: 'a full outbox drops a frame',
    file: ROOMS,
    from: '    session.overflowed = true\n    state.overflowed.push(session)\n',
    to: '',
  },

  // What is counted.
  {
    name: 'client ignores from',
    file: TO_SERVER,
    from: 'this.#next = welcome.from',
    to: 'this.#next = conversation.inbox.count + 1',
  },
  {
    name: "client's skip is off by one",
    file: TO_SERVER,
    from: 'if (number <= conversation.inbox.count) return null',
    to: 'if (number < conversation.inbox.count) return null',
  },
  {
    name: 'client counts a volatile',
    file: 'lib/client/intake.ts',
    from: "case 'volatile':\n",
    to: "case 'volatile':\n        live.count(data, now)\n",
  },
  {
    name: 'worker counts a volatile',
    file: 'lib/worker/intake.ts',
    from: 'const { size } = checksum(data)\n',
    to: 'const { size } = checksum(data)\n    session.inbox.take(0)\n',
  },
  {
    name: 'an answer is not counted by the client',
    file: 'lib/client/intake.ts',
    from: 'live.count(data, now) !== null && conversation',
    to: 'conversation',
  },
  {
    name: 'a repeat passes on polling',
    file: 'lib/wire/numbered.ts',
    from: "return { ok: false, reason: 'repeat' }",
    to: 'return { ok: true, data: parsed.data }',
  },
  {
    name: 'a gap passes on polling',
    file: 'lib/wire/numbered.ts',
    from: "if (parsed.number !== this.#last + 1) return { ok: false, reason: 'gap' }\n",
    to: '',
  },
  {
    name: 'worker forgets the rolling check',
    file: 'lib/worker/admission.ts',
    from: 'outbox.checkAt(received) === check',
    to: 'outbox.checkAt(received) !== null',
    tests: ['test/worker/admission.test.ts'],
  },
  {
    name: 'client forgets the rolling check',
    file: 'lib/client/conversation.ts',
    from: 'this.outbox.checkAt(taken) === check',
    to: 'this.outbox.checkAt(taken) !== null',
    tests: ['test/client/session.test.ts'],
  },

  // What is acknowledged.
  {
    name: 'taken is acknowledged as handled',
    file: 'lib/worker/tasks.ts',
    from: "encodeNumber('received', session.handled)",
    to: "encodeNumber('received', session.inbox.count)",
  },
  {
    name: 'welcome says taken as handled',
    file: 'lib/worker/admission.ts',
    from: 'handled: session.handled,',
    to: 'handled: session.inbox.count,',
  },
  {
    name: 'gone says taken as handled',
    file: 'lib/worker/endings.ts',
    from: 'const { handled } = session\n',
    to: 'const handled = session.inbox.count\n',
  },
  {
    name: 'what finished ahead is handled',
    file: 'lib/worker/apply-session.ts',
    from: 'if (number !== session.handled + 1) {',
    to: 'if (number <= session.handled) {',
  },
  {
    name: 'client acknowledges one more than it received',
    file: TO_SERVER,
    from: "encodeNumber('received', inbox.count)",
    to: "encodeNumber('received', inbox.count + 1)",
  },
  {
    name: 'one too many is let go',
    file: 'lib/wire/stream.ts',
    from: 'while (this.base < n) {',
    to: 'while (this.base < Math.min(n + 1, this.end)) {',
  },
  {
    name: 'the last count is never said again on polling',
    file: 'lib/worker/receipts.ts',
    from: 'outbox.base < cursor) this.#say(session)',
    to: 'outbox.base < 0) this.#say(session)',
    tests: ['test/worker/receipts.test.ts'],
  },

  // Whose the session is.
  {
    name: 'forget the fence',
    file: 'lib/worker/sessions.ts',
    from: '    link.session = null\n',
    to: '',
  },
  {
    name: 'an old attempt takes over',
    file: 'lib/worker/admission.ts',
    from: 'hello.attempt <= last\n',
    to: 'hello.attempt < last\n',
  },
  {
    name: 'the end of a fenced link suspends the session',
    file: 'lib/worker/sessions.ts',
    from: 'const { session } = link\n    if (session) this.#suspend(session)\n  }\n\n  /** Ends a link',
    to: 'const session = link.session ?? [...this.state.sessions.values()].find((s) => s.segment === link.segment)\n    if (session) this.#suspend(session)\n  }\n\n  /** Ends a link',
  },

  // What the applications are told.
  {
    name: 'swallow a discontinuity',
    file: 'lib/client/standing.ts',
    from: 'this.effects.discontinuity({',
    to: 'if (lost.ordinal !== 2) this.effects.discontinuity({',
  },
  {
    name: 'pending sends do not settle at the end of a session',
    file: 'lib/client/conversation.ts',
    from: '    this.questions.clear()\n',
    to: '    this.questions.clear()\n    settled.pop()\n',
  },
  {
    name: 'unknown is called not delivered',
    file: 'lib/client/conversation.ts',
    from: '      number <= taken\n',
    to: '      number < taken\n',
  },
  {
    name: 'an answer settles twice',
    file: 'lib/client/intake.ts',
    from: 'conversation.questions.delete(message.to)',
    to: 'conversation.questions.has(message.to)',
  },
  {
    name: 'a page goes on with counts of the one before it that are too low',
    file: 'lib/client/conversation.ts',
    from: 'this.inbox.begin(received, check)',
    to: 'this.inbox.begin(0, 0)',
    tests: ['test/client/snapshot.test.ts'],
  },
  {
    name: 'what was missed is not what comes',
    file: 'lib/client/intake.ts',
    from: 'Math.max(0, welcome.sent - inbox.count)',
    to: 'welcome.sent',
    tests: ['test/client/session.test.ts'],
  },
  {
    name: 'two handlers of a session at once',
    file: 'lib/worker/tasks.ts',
    from: 'while (!session.running) {',
    to: 'for (;;) {',
  },
  {
    name: 'keep a session past its grace',
    file: 'lib/worker/endings.ts',
    from: "this.end(session, 'session_expired',",
    to: "if (since < 0) this.end(session, 'session_expired',",
    tests: ['test/worker/endings.test.ts'],
  },

  // Rooms.
  {
    name: 'home skips a number',
    file: ROOMS,
    from: 'home.last += 1',
    to: 'home.last += home.last === 5 ? 2 : 1',
  },
  {
    name: 'home forgets one of the slots',
    file: ROOMS,
    from: 'for (const slot of slots) {',
    to: 'for (const slot of [...slots].slice(0, 1)) {',
  },
  {
    name: 'home sends to a slot without members',
    file: ROOMS,
    from: 'if (left === 0) members.delete(slot)',
    to: 'if (left < 0) members.delete(slot)',
    tests: ['test/worker/apply-room.test.ts', 'test/worker/room.test.ts'],
  },
  {
    name: 'home ignores a leave',
    file: ROOMS,
    from: 'home.members.delete(session)',
    to: 'home.members.has(session)',
  },
  {
    name: 'a message reaches members at its home twice',
    file: ROOMS,
    from: '  deliver(state, record.room, record.frame, record.except)\n}',
    to: '  deliver(state, record.room, record.frame, record.except)\n  if (home.last === 3) deliver(state, record.room, record.frame, record.except)\n}',
  },
  {
    name: 'members elsewhere miss a message',
    file: ROOMS,
    from: 'sendToEach(state, home.slots.keys(), message)',
    to: 'if (home.last !== 3) sendToEach(state, home.slots.keys(), message)',
  },
  {
    name: 'who leaves goes on receiving',
    file: 'lib/worker/apply-session.ts',
    from: 'room?.members.delete(session)',
    to: 'room?.members.has(session)',
  },
  {
    name: 'a join is answered before the home has it',
    file: 'lib/worker/room.ts',
    from: 'const promise = awaited(session, room)\n',
    to: 'const promise = awaited(session, room)\n    this.#settleJoin(session, room, null)\n',
    tests: ['test/worker/room.test.ts'],
  },
  {
    name: 'home takes a join after the next message',
    file: ROOMS,
    from: 'number: home.last + 1 })',
    to: 'number: home.last })',
  },
  {
    name: 'a join that was left counts',
    file: 'lib/worker/apply-session.ts',
    from: "if (membership.standing === 'left') {",
    to: "if (membership.standing === 'left' && membership.answersDue < 0) {",
  },
  {
    name: 'the loss of a home is swallowed',
    file: 'lib/worker/room.ts',
    from: "if (lost.some(([, { standing }]) => standing !== 'left'))",
    to: "if (lost.some(([, { standing }]) => standing !== 'left') && slot < 0)",
  },
  {
    name: 'except is ignored',
    file: ROOMS,
    from: 'if (!except.includes(session.id)) append(state, session, frame)',
    to: 'append(state, session, frame)',
  },
  {
    name: 'who was cut off is not told',
    file: 'lib/worker/room.ts',
    from: 'if (this.#homeOf(name) !== home) continue',
    to: 'if (this.#homeOf(name) !== home || home >= 0) continue',
    tests: ['test/worker/room-cut.test.ts'],
  },

  // The bus.
  {
    name: 'bus replays from one too late',
    file: 'lib/bus/peer.ts',
    from: 'outgoing.cursor = hello.taken\n',
    to: 'outgoing.cursor = Math.min(hello.taken + 1, outbox.end)\n',
  },
  {
    name: 'bus replays from one too early',
    file: 'lib/bus/peer.ts',
    from: 'outgoing.cursor = hello.taken\n',
    to: 'outgoing.cursor = Math.max(hello.taken - 1, base)\n',
  },
  {
    name: 'bus takes an item twice',
    file: 'lib/bus/exchange.ts',
    from: 'const number = this.incoming.take(envelope.bytes)\n',
    to: 'const number = this.incoming.take(envelope.bytes)\n        if (number === 3) events.item(this.#slot, number, envelope.bytes, this.incoming.check)\n',
  },
  {
    name: 'bus lets items leave before they are committed',
    file: 'lib/bus/outgoing.ts',
    from: 'if (this.cursor >= this.due) return',
    to: 'if (this.cursor >= outbox.end) return',
    tests: ['test/bus/outgoing.test.ts'],
  },
  {
    name: 'bus says taken where committed is meant',
    file: 'lib/bus/incoming.ts',
    from: 'return this.committed\n',
    to: 'return this.taken\n',
    tests: ['test/bus/incoming.test.ts', 'test/bus/peer.test.ts'],
  },
  {
    name: 'bus goes on with a peer that lost its memory',
    file: 'lib/bus/greeting.ts',
    from: 'hello.about === view.epoch && hello.epoch === view.about',
    to: 'hello.about === view.epoch || hello.epoch === view.about',
    tests: ['test/bus/greeting.test.ts'],
  },

  // The journal.
  {
    name: 'what a turn caused leaves before it is written',
    file: 'lib/worker/turn.ts',
    from: 'this.#ports.journal.write(records)\n',
    to: 'void Promise.resolve().then(() => this.#ports.journal.write(records))\n',
    tests: ['test/worker/turn.test.ts'],
  },
  {
    name: 'a session comes back with one too many taken',
    file: 'lib/worker/sessions.ts',
    from: 'session.inbox.begin(session.handled, ',
    to: 'session.inbox.begin(session.handled + 1, ',
    tests: ['test/worker/sessions-recover.test.ts'],
  },
]
