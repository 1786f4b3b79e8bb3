/**
 * Types for the events of an application: one interface per direction, shared by server and client.
 *
 * ```ts
 * interface ToServer { say(room: string, text: string): number }
 * interface ToClient { said(name: string, text: string): void }
 * ```
 */

// A bound for "some function": `never[]` accepts every parameter list without letting one through unchecked.
export type EventMap = { [name: string]: (...args: never[]) => unknown }

/** What an interface without an index signature must satisfy; `object` lets plain interfaces in. */
export type Events = object

export type EventName<E extends Events> = Extract<keyof E, string>

export type EventArgs<E extends Events, N extends keyof E> = E[N] extends (...args: infer A) => unknown
  ? A
  : unknown[]

export type EventResult<E extends Events, N extends keyof E> = E[N] extends (...args: never[]) => infer R
  ? Awaited<R>
  : unknown

/** What a handler may return: where nobody looks at it, anything. */
export type HandlerResult<R> = [R] extends [void] ? unknown : R | Promise<R> | void

/** A member of a room, as the others see it. */
export interface Member<Public extends object = Record<string, unknown>> {
  /** Session id. */
  readonly id: string
  /** The fields of its session's data that the application made public. */
  readonly data: Readonly<Public>
}

/**
 * What members that joined with `presence` are told, in the room's order. For the application's own interface:
 * `interface ToClient extends PresenceEvents<{ name: string }> { … }`.
 */
export interface PresenceEvents<Public extends object = Record<string, unknown>> {
  /** The one who joined is told, too. */
  joined(room: string, member: Member<Public>): void
  /** Its public data is another now. */
  updated(room: string, member: Member<Public>): void
  /** It left, or its session is over; a suspended session is a member still. */
  left(room: string, member: Member<Public>): void
}

/** The default, where an application declares no events. */
export type AnyEvents = { [name: string]: (...args: unknown[]) => unknown }
