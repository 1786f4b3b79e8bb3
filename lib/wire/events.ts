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

/** The default, where an application declares no events. */
export type AnyEvents = { [name: string]: (...args: unknown[]) => unknown }
