/**
 * Sessions and streams between workers that begin as if so many messages had gone before: nobody waits for 2³¹ of them.
 * The classes are as they are; what is begun is set high on both sides before the first message.
 */
import { Conversation } from '../../lib/client/conversation.ts'
import { Admission } from '../../lib/worker/admission.ts'
import { WorkerState } from '../../lib/worker/state.ts'

let count = 0
let isRaising = false

/** From now on, in this process. Workers must be in their first life: their streams are known to each other. */
export function countFrom(start: number): void {
  count = start
  if (isRaising) return
  isRaising = true
  raiseClients()
  raiseSessions()
  raisePeers()
}

/** Its first message, or its first welcome, is what a conversation begins with. */
function raiseClients(): void {
  const { emit, agrees } = Conversation.prototype
  const raised = new WeakSet<Conversation>()
  const raise = (conversation: Conversation): void => {
    if (raised.has(conversation)) return
    raised.add(conversation)
    conversation.outbox.begin(count, 0)
    conversation.sent = count
  }
  Conversation.prototype.emit = function (...args) {
    raise(this)
    return emit.apply(this, args)
  }
  Conversation.prototype.agrees = function (welcome) {
    raise(this)
    // In a first hello it could only be 0.
    if (this.inbox.count === 0) this.inbox.begin(count, 0)
    return agrees.call(this, welcome)
  }
}

function raiseSessions(): void {
  const { attach } = Admission.prototype
  Admission.prototype.attach = function (session, ...args) {
    if (session.outbox.end === 0) {
      session.outbox.begin(count, 0)
      session.inbox.begin(count, 0)
      session.handled = count
      session.given = count
    }
    attach.call(this, session, ...args)
  }
}

function raisePeers(): void {
  const { peer } = WorkerState.prototype
  WorkerState.prototype.epoch = function (slot) {
    return this.peer(slot).epoch
  }
  WorkerState.prototype.peer = function (slot) {
    const isNew = !this.peers.has(slot)
    const streams = peer.call(this, slot)
    if (isNew) {
      streams.outbox.begin(count, 0)
      streams.received = count
      streams.epoch = `memory-${slot}.1`
    }
    return streams
  }
}
