/** A server that speaks TLS, and clients that trust it. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { type CertificateFiles, certificate, certificateFiles, type Pair, trust } from './certificate.ts'
import { type Cluster, startCluster } from './cluster.ts'

export const HEAD_MS = 1500

/** @param pairs the first one is the server's in the beginning; all of them are trusted */
export async function startSecure(
  t: Test,
  app: string,
  workers: number,
  pairs: readonly [Pair, ...Pair[]] = [certificate('one')],
): Promise<{ files: CertificateFiles; cluster: Cluster }> {
  const files = certificateFiles(t.testdir())
  files.write(pairs[0])
  trust(t, ...pairs)
  const args = [...files.args, '--head-ms', String(HEAD_MS)]
  return { files, cluster: await startCluster(t, { app, workers, args }) }
}

/** @param session of an earlier connection, to be resumed */
export async function handshake(t: Test, cluster: Cluster, session?: Buffer): Promise<TLSSocket> {
  const socket = connect({ port: cluster.port, host: '127.0.0.1', ...(session && { session }) })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}
