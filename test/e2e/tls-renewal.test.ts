/** A certificate that is replaced while the server runs. */
import t from 'tap'
import { certificate } from '../support/certificate.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { RawConnection, upgradeRequest } from '../support/raw.ts'
import { handshake, startSecure } from '../support/tls.ts'
import { until } from '../support/until.ts'
import { askForReload } from './reload-gaps.ts'

const [one, two, three] = [certificate('one'), certificate('two'), certificate('three')]

t.test('another certificate', async (t) => {
  const { cluster, files } = await startSecure(t, 'field', 2, [one, two, three])
  const now = async (): Promise<unknown> => (await handshake(t, cluster)).getPeerCertificate().subject.CN
  const isAll = async (name: string): Promise<boolean> => (await now()) === name && (await now()) === name
  t.ok(await isAll('one'))
  const old = new RawConnection(await handshake(t, cluster))
  // One after another: workers take connections in turn, so of each slot one link is at its owner, and one is forwarded.
  const links: RawConnection[] = []
  for (const slot of [0, 0, 1, 1]) {
    const link = new RawConnection(await handshake(t, cluster))
    link.write(upgradeRequest(`/api/${cluster.segmentOn(slot)}/?EIO=4&transport=websocket`))
    t.equal((await link.response()).status, 101)
    await link.frame()
    links.push(link)
  }
  const go = async (about: string): Promise<void> => {
    for (const link of links) {
      link.sendFrame(`4${about}`)
      t.match(String((await link.frame()).payload), new RegExp(`^4\\d+ ${about}$`))
    }
  }
  await go('before')
  files.write(two)
  await until(() => isAll('two'), 8000, 'the second certificate')
  await go('links go on, those that are forwarded, too')

  files.write({ cert: three.cert, key: two.key })
  const isTold = (): boolean => cluster.complaints().some(({ msg }) => msg.includes('the one before stays'))
  await until(isTold, 8000, 'a warning')
  t.ok(await isAll('two'), 'a pair that does not fit changes nothing')
  await go('still')

  files.write(three)
  t.same(await askForReload(cluster), { code: 0, stderr: '' })
  t.ok(await isAll('three'), 'a reload reads it, too')
  t.equal(old.ended, 'end', 'as long as its worker')
})

nothingLeft(t)
