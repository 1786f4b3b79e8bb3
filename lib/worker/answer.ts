/** Answers of limpet itself: a status and one sentence. */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

/** An answer that was begun is cut instead: half of one must not pass for a whole one. A whole one is left alone. */
export function answer(res: ServerResponse, status: number, sentence: string): void {
  if (res.writableEnded) return
  if (res.headersSent) {
    res.destroy()
    return
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  res.writeHead(status, headersOf(status, sentence))
  res.end(sentence)
}

/** The same for a socket without a response: an upgrade, or bytes that are no request. The caller ends the socket. */
export function answerSocket(socket: Socket, status: number, sentence: string): void {
  const headers = Object.entries({ ...headersOf(status, sentence), Connection: 'close' })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${sentence}`)
}

function headersOf(status: number, sentence: string): Record<string, string | number> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(sentence),
    ...((status === 503 || status === 429) && { 'Retry-After': 1 }),
  }
}
