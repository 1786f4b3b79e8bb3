/**
 * Every change of session and room state, as data. A turn's records are one batch: written to the journal before
 * anything the turn caused leaves the process. Plain values only, so that a journal can hold them.
 */
import type { Data, Frame } from '../wire/frames.ts'
import type { SessionData } from './api.ts'

export type StateRecord =
  | {
      readonly type: 'opened'
      readonly session: string
      readonly keyHash: string
      readonly segment: string
      readonly address: string
      readonly data: SessionData
    }
  /** A link took the session; the hello said what the client has received. */
  | {
      readonly type: 'attached'
      readonly session: string
      readonly instance: string
      readonly attempt: number
      readonly received: number
    }
  | { readonly type: 'suspended'; readonly session: string; readonly at: number }
  /** `tombstoneUntil` 0: nothing is remembered. */
  | {
      readonly type: 'closed'
      readonly session: string
      readonly code: string
      readonly reason: string
      readonly says: 'gone' | 'close'
      readonly taken: number
      readonly tombstoneUntil: number
    }
  | { readonly type: 'forgotten'; readonly keyHash: string }
  /** A frame for one session. */
  | { readonly type: 'sent'; readonly session: string; readonly frame: Frame }
  /** The client has received 1 … count. */
  | { readonly type: 'received'; readonly session: string; readonly count: number }
  /** Message `number` is finished; 0 is `open`. */
  | { readonly type: 'handled'; readonly session: string; readonly number: number; readonly crc: number }
  /** A message that may have been running when its process died is begun again. */
  | { readonly type: 'attempted'; readonly session: string; readonly number: number }
  /** Its process ends in order: none of what was begun again has taken it down. */
  | { readonly type: 'spared'; readonly session: string }
  | { readonly type: 'updated'; readonly session: string; readonly patch: SessionData }
  /** `data` is what of the session's others may see; with `watches` it is told who comes and goes. */
  | {
      readonly type: 'joining'
      readonly session: string
      readonly room: string
      readonly home: number
      readonly data: SessionData
      readonly watches: boolean
    }
  /** A member's data changed, or whether it watches. */
  | {
      readonly type: 'renewing'
      readonly session: string
      readonly room: string
      readonly home: number
      readonly data: SessionData
      readonly watches: boolean
    }
  | { readonly type: 'left'; readonly session: string; readonly room: string; readonly home: number }
  /** The home took a join: the session is a member from `number` on. */
  | { readonly type: 'joined'; readonly session: string; readonly room: string; readonly number: number }
  /** The home that owed answers for a room that was left has lost its memory: none will come. */
  | { readonly type: 'unanswered'; readonly session: string; readonly room: string }
  /** A room message from its home, for the members here. */
  | {
      readonly type: 'delivered'
      readonly room: string
      readonly number: number
      readonly frame: Frame
      readonly except: readonly string[]
    }
  /** An item for the home of a room elsewhere. */
  | {
      readonly type: 'published'
      readonly room: string
      readonly home: number
      readonly data: Data
      readonly except: readonly string[]
      readonly volatile: boolean
    }
  /** A notice for the members that watch, at the home and wherever it was sent from there. */
  | { readonly type: 'noticed'; readonly room: string; readonly frame: Frame }
  /** At the home, of which nothing was known: `epoch` names what is remembered of the room from now on. */
  | { readonly type: 'homeOpened'; readonly room: string; readonly epoch: string }
  /** At the home: a publish got its place, at this time. */
  | {
      readonly type: 'ordered'
      readonly room: string
      readonly frame: Frame
      readonly except: readonly string[]
      readonly at: number
    }
  /** At the home: a volatile publish passes, without a place. */
  | {
      readonly type: 'passed'
      readonly room: string
      readonly data: Data
      readonly except: readonly string[]
      /** Who gets it: those with members that are not far behind. */
      readonly slots: readonly number[]
    }
  | {
      readonly type: 'homeJoined'
      readonly room: string
      readonly session: string
      readonly slot: number
      readonly data: SessionData
      readonly watches: boolean
    }
  | {
      readonly type: 'homeRenewed'
      readonly room: string
      readonly session: string
      readonly data: SessionData
      readonly watches: boolean
    }
  | { readonly type: 'homeLeft'; readonly room: string; readonly session: string }
  /** Item `number` of a peer's stream is taken; `check` is the rolling check over 1 … number. */
  | { readonly type: 'itemTaken'; readonly from: number; readonly number: number; readonly check: number }
  | { readonly type: 'itemsReceived'; readonly to: number; readonly count: number }
  /** The memory that the streams with a peer are with from now on. */
  | { readonly type: 'peerMet'; readonly slot: number; readonly epoch: string }
  /** A peer is past its bound: room messages behind item `after` are taken back, its members are gone. */
  | { readonly type: 'peerCut'; readonly slot: number; readonly after: number }
  /** A peer lost its memory: its streams begin again, its members are gone. */
  | { readonly type: 'peerReset'; readonly slot: number }

export type RecordOf<T extends StateRecord['type']> = Extract<StateRecord, { type: T }>
