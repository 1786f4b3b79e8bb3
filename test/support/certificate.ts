/** Certificates that sign themselves, for 127.0.0.1 and localhost, made where they are wanted. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'

export interface Pair {
  readonly cert: string
  readonly key: string
}

const DAY_MS = 24 * 60 * 60 * 1000
/** DER: ecdsa-with-SHA256, commonName, subjectAltName. */
const ECDSA = oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)
const COMMON_NAME = oid(0x55, 0x04, 0x03)
const ALT_NAME = oid(0x55, 0x1d, 0x11)

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.of(tag, ...size), body])
}

function oid(...bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts)

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x17, Buffer.from(digits.slice(2)))
}

/** @param name tells one from another */
export function certificate(name: string): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const whose = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))))
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1), randomBytes(15)),
    sequence(ECDSA),
    whose,
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    whose,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(sequence(ALT_NAME, der(0x04, names)))),
  )
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey))
  const text = sequence(body, sequence(ECDSA), signature).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

export interface CertificateFiles {
  readonly args: readonly string[]
  /** As renewal does it: each file by a rename. */
  write(pair: Pair): void
}

export function certificateFiles(directory: string): CertificateFiles {
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  return {
    args: ['--tls-cert', cert, '--tls-key', key],
    write(pair) {
      for (const [file, text] of [[cert, pair.cert] as const, [key, pair.key] as const]) {
        writeFileSync(`${file}.new`, text)
        renameSync(`${file}.new`, file)
      }
    },
  }
}

/** For clients of this process that do not let a test choose whom to trust. */
export function trust(t: { teardown(undo: () => void): unknown }, ...pairs: Pair[]): void {
  const { createSecureContext } = tls
  t.teardown(() => {
    tls.createSecureContext = createSecureContext
  })
  const ca = pairs.map(({ cert }) => cert)
  tls.createSecureContext = (options) => createSecureContext({ ...options, ca })
}
