/** What the chat takes from its users, checked: a value, or null where it is none. */
import { type Attachment, FILE_NAME_MAX, SIDE_MAX, TEXT_MAX } from './events.ts'

/** Trimmed, 1 to `max` characters, none of them a control character, at least one of them visible. */
export function line(value: unknown, max: number): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  const plain = text.length <= max && !/[\p{Cc}\p{Cs}]/u.test(text) && /[\p{L}\p{N}\p{P}\p{S}]/u.test(text)
  return plain ? text : null
}

export function textIn(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  return text.length >= 1 && text.length <= TEXT_MAX ? text : null
}

/** Without characters of format: one that turns the direction of writing shows `exe.png` where `gnp.exe` is. */
export function fileNameIn(value: unknown): string | null {
  return typeof value === 'string' ? line(value.replace(/\p{Cf}/gu, ''), FILE_NAME_MAX) : null
}

/** @returns undefined where it is neither a size nor null */
export function pictureIn(value: unknown): Attachment['picture'] | undefined {
  if (value === null) return null
  if (typeof value !== 'object' || !('width' in value) || !('height' in value)) return undefined
  const { width, height } = value
  return isSide(width) && isSide(height) ? { width, height } : undefined
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= SIDE_MAX
}
