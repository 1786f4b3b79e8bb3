/** What messages carry: text or bytes of any length, 0 too. */
export type Form = 'text' | 'bytes'
export type Content = string | Uint8Array

export function contentOf(size: number, form: Form): Content {
  return form === 'text' ? 'x'.repeat(size) : new Uint8Array(size).fill(size)
}

/** For a comparison: bytes and text differ. */
export function textOf(content: unknown): string {
  return content instanceof Uint8Array ? `${content.length} bytes of ${content[0]}` : String(content ?? '')
}
