/** 100 characters that say who sent them, as which one, and when. */

/** Digits of sender, number and µs. */
const [SENDER, NUMBER, TIME] = [6, 8, 14]
const FILL = 'x'.repeat(100 - SENDER - NUMBER - TIME)

export interface Said {
  readonly sender: number
  readonly number: number
  /** ms of performance.now */
  readonly at: number
}

export function payloadOf({ sender, number, at }: Said): string {
  const time = String(Math.round(at * 1000)).padStart(TIME, '0')
  return `${String(sender).padStart(SENDER, '0')}${String(number).padStart(NUMBER, '0')}${time}${FILL}`
}

/** @param at where the payload begins */
export function readPayload(bytes: Buffer, at: number): Said {
  return {
    sender: digits(bytes, at, SENDER),
    number: digits(bytes, at + SENDER, NUMBER),
    at: digits(bytes, at + SENDER + NUMBER, TIME) / 1000,
  }
}

function digits(bytes: Buffer, from: number, count: number): number {
  let value = 0
  for (let i = from; i < from + count; i++) {
    const digit = (bytes[i] ?? 0) - 48
    if (digit < 0 || digit > 9) throw new Error(`no payload at ${from} of ${bytes.toString('latin1')}`)
    value = value * 10 + digit
  }
  return value
}
