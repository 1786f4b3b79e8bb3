/**
 * `GET /health` on a connection that already left the primary: the same answer, from what the primary last said of
 * the fleet.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * @param generations of each slot, 0 where no worker is ready; null before the primary said anything
 * @returns false where the path is another one
 */
export function answerHealth(
  generations: readonly number[] | null,
  req: IncomingMessage,
  res: ServerResponse,
): boolean {
  const path = (req.url ?? '').split('?', 1)[0]
  if (path !== '/health' || (req.method !== 'GET' && req.method !== 'HEAD')) return false
  const status = generations === null ? 'starting' : generations.includes(0) ? 'degraded' : 'ok'
  const body = JSON.stringify({ status })
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
  }
  res.writeHead(status === 'ok' ? 200 : 503, headers).end(req.method === 'HEAD' ? undefined : body)
  return true
}
