/** Which pages may open links: `--origin` against what their browsers say of them. Pure. */

/** `same`: of the host that was asked, or no page at all. */
export type Verdict = 'same' | 'named' | 'any' | 'foreign'

export class Origins {
  readonly #named: ReadonlySet<string>

  /** @param list of `--origin`: same, *, null and whole origins, separated by commas */
  constructor(list: string) {
    this.#named = new Set(list.toLowerCase().split(','))
  }

  /** Only browsers send an Origin, and they do not let a page choose it: without one there is nobody to protect. */
  judge(origin: string | undefined, host: string | undefined): Verdict {
    if (origin === undefined) return 'same'
    const said = origin.toLowerCase()
    if (this.#named.has('same') && isSameHost(said, (host ?? '').toLowerCase())) return 'same'
    if (this.#named.has(said)) return 'named'
    return this.#named.has('*') ? 'any' : 'foreign'
  }
}

/** What lets a page of another origin read the answer. Cookies go along only for an origin that was named. */
export function corsHeaders(verdict: Verdict, origin = ''): Record<string, string> {
  if (verdict === 'any') return { 'Access-Control-Allow-Origin': '*' }
  if (verdict !== 'named') return {}
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    Vary: 'Origin',
  }
}

/** Of the answer to OPTIONS. @param wanted headers that the page means to send */
export function preflightHeaders(verdict: Verdict, origin = '', wanted = ''): Record<string, string> {
  return {
    Allow: 'GET, POST, OPTIONS',
    ...corsHeaders(verdict, origin),
    'Access-Control-Allow-Methods': 'GET, POST',
    ...(wanted && { 'Access-Control-Allow-Headers': wanted }),
    'Access-Control-Max-Age': '7200',
  }
}

/** The scheme is left out: where TLS ends before this server, it cannot know it. */
function isSameHost(origin: string, host: string): boolean {
  const [, scheme, authority = ''] = /^(https?):\/\/([^/]+)$/.exec(origin) ?? []
  const port = scheme === 'https' ? /:443$/ : /:80$/
  return authority !== '' && authority.replace(port, '') === host.replace(port, '')
}
