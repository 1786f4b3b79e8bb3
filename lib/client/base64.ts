/** Bytes as text, by what browsers and Node have in common. */

/** More arguments at once than a call may have would throw. */
const RUN = 0x8000

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += RUN)
    binary += String.fromCharCode(...bytes.subarray(at, at + RUN))
  return btoa(binary)
}

/** Throws where the text is malformed. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}
