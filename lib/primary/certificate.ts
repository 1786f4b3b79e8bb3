/** The server's certificate and key: read from files that may be replaced while it runs. */
import { randomBytes } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { Certificate } from '../wire/ipc.ts'

/** How soon files that were replaced are noticed. */
const WATCH_MS = 1000

export class CertificateFiles {
  readonly #cert: string
  readonly #key: string
  readonly #log: Logger
  readonly #changed: (certificate: Certificate) => void
  #current: Certificate

  /**
   * Throws one sentence where they cannot be used.
   * @param changed the files hold another one, and it can be used
   */
  constructor(cert: string, key: string, log: Logger, changed: (certificate: Certificate) => void) {
    this.#cert = cert
    this.#key = key
    this.#log = log
    this.#changed = changed
    try {
      this.#current = this.#read()
    } catch (error) {
      throw new Error(`the certificate cannot be used: ${(error as Error).message}`)
    }
    // By their names, again and again: renewal replaces files and links, and a watched inode would be the old one.
    for (const file of [cert, key]) watchFile(file, { interval: WATCH_MS, persistent: false }, this.reread)
  }

  get current(): Certificate {
    return this.#current
  }

  /** One that cannot be used changes nothing: of two files that are being replaced, one may be the old one still. */
  readonly reread = (): void => {
    try {
      const { cert, key } = this.#current
      const next = this.#read()
      if (next.cert === cert && next.key === key) return
      this.#current = next
    } catch (error) {
      this.#log.warn({ err: error }, 'the certificate cannot be used, the one before stays')
      return
    }
    this.#log.info('another certificate from now on')
    this.#changed(this.#current)
  }

  close(): void {
    for (const file of [this.#cert, this.#key]) unwatchFile(file, this.reread)
  }

  #read(): Certificate {
    const [cert, key] = [readFileSync(this.#cert, 'utf8'), readFileSync(this.#key, 'utf8')]
    // Throws where they are no PEM, or not of each other.
    createSecureContext({ cert, key })
    return { cert, key, ticketKeys: randomBytes(48) }
  }
}
