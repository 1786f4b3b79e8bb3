/**
 * The only code that changes durable state, live and (with a journal) at recovery: this file, apply-session.ts and
 * apply-room.ts. Total and deterministic: every record that was once applied applies again with the same outcome.
 */

import {
  deliver,
  homeJoined,
  homeLeft,
  homeOpened,
  homeRenewed,
  itemTaken,
  notice,
  order,
  pass,
  peerCut,
  peerReset,
  send,
} from './apply-room.ts'
import { applyToSession, opened } from './apply-session.ts'
import type { StateRecord } from './record.ts'
import type { WorkerState } from './state.ts'

export function apply(state: WorkerState, record: StateRecord): void {
  switch (record.type) {
    case 'delivered':
      return deliver(state, record.room, record.frame, record.except)
    case 'ordered':
      return order(state, record)
    case 'passed':
      return pass(state, record)
    case 'published':
      return send(state, record.home, {
        kind: 'publish',
        room: record.room,
        frame: record.data,
        except: [...record.except],
        volatile: record.volatile,
      })
    case 'noticed':
      return notice(state, record)
    case 'homeOpened':
      homeOpened(state, record)
      return
    case 'homeJoined':
      return homeJoined(state, record)
    case 'homeRenewed':
      return homeRenewed(state, record)
    case 'homeLeft':
      return homeLeft(state, record.room, record.session)
    case 'itemTaken':
      return itemTaken(state, record)
    case 'itemsReceived':
      state.outbox(record.to).acknowledge(record.count)
      return
    case 'peerMet':
      state.peer(record.slot).epoch = record.epoch
      return
    case 'peerCut':
      return peerCut(state, record)
    case 'peerReset':
      return peerReset(state, record.slot)
    case 'opened':
      return opened(state, record)
    case 'forgotten':
      state.tombstones.delete(record.keyHash)
      return
    default: {
      const session = state.sessions.get(record.session)
      // A record can trail the end of its session within one turn; there is nothing left to change.
      if (session) applyToSession(state, session, record)
    }
  }
}
