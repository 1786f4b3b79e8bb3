/** The HTTP/1.1 responses in a stream of bytes, one behind the other. Pure. */

export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

interface Parsed {
  readonly response: RawResponse
  readonly rest: Buffer
}

/**
 * The first whole response of `bytes` and what is behind it; null while it is incomplete.
 * @param ended nothing comes behind `bytes`: a body without a length ends there
 */
export function parseResponse(bytes: Buffer, ended: boolean): Parsed | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1])
  if (Number.isNaN(status)) throw new Error(`not a response: ${statusLine.slice(0, 80)}`)
  const headers = Object.fromEntries(lines.map(splitHeader))
  const found = bodyOf(bytes.subarray(headEnd + 4), status, headers, ended)
  return found && { response: { status, headers, body: found.body }, rest: found.rest }
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

interface Body {
  readonly body: Buffer
  readonly rest: Buffer
}

function bodyOf(bytes: Buffer, status: number, headers: Record<string, string>, ended: boolean): Body | null {
  if (status < 200 || status === 204 || status === 304) return { body: Buffer.alloc(0), rest: bytes }
  if (headers['transfer-encoding']?.toLowerCase() === 'chunked') return chunkedBody(bytes)
  if (headers['content-length'] === undefined) return ended ? { body: bytes, rest: Buffer.alloc(0) } : null
  const length = Number(headers['content-length'])
  return bytes.length < length ? null : { body: bytes.subarray(0, length), rest: bytes.subarray(length) }
}

function chunkedBody(bytes: Buffer): Body | null {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    const end = lineEnd + 2 + size + 2
    if (bytes.length < end) return null
    if (size === 0) return { body: Buffer.concat(chunks), rest: bytes.subarray(end) }
    chunks.push(bytes.subarray(lineEnd + 2, end - 2))
    at = end
  }
}
