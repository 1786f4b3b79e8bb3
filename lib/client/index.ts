/** The public client API. */

export { type Code, LimpetError, type Retry } from '../wire/codes.ts'
export type { AnyEvents, EventArgs, EventName, Events, Member, PresenceEvents } from '../wire/events.ts'
export type { Client, ClientLifecycle, ClientListener } from './api.ts'
export { connect } from './client.ts'
export type { PendingSend } from './conversation.ts'
export type { Discontinuity, StateName } from './effects.ts'
export type { Vault } from './keeper.ts'
export type { LinkTransport } from './link.ts'
export type { ClientOptions } from './options.ts'
export type { Progress } from './progress.ts'
