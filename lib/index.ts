/** The public server API: types for application modules, and the one error. */

export { CODES, type Code, LimpetError, type Retry } from './wire/codes.ts'
export type { AnyEvents, Events, Member, PresenceEvents } from './wire/events.ts'
export type {
  App,
  HelloInfo,
  HistoryEntry,
  HistoryOptions,
  HistoryPage,
  MessageInfo,
  Room,
  RoomTarget,
  Server,
  Session,
  SessionData,
  SessionState,
} from './worker/api.ts'
