import pino from 'pino'
import t from 'tap'
import { CertificateFiles } from '../../lib/primary/certificate.ts'
import { certificate, certificateFiles } from '../support/certificate.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

t.test('files that are replaced', async (t) => {
  const [one, two, three] = [certificate('one'), certificate('two'), certificate('three')]
  const { args, write } = certificateFiles(t.testdir())
  const warnings: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) })
  const given: string[] = []
  const make = (): CertificateFiles =>
    new CertificateFiles(args[1]!, args[3]!, log, ({ cert }) => given.push(cert))
  t.throws(make, /^the certificate cannot be used: ENOENT/)
  write({ cert: one.cert, key: two.key })
  t.throws(make, /^the certificate cannot be used: .*key values mismatch/)

  write(one)
  const files = make()
  t.teardown(() => files.close())
  t.match(files.current, one)
  files.reread()
  t.same(given, [], 'the same one is no news')
  write(two)
  await until(() => given.length === 1, 5000, 'the second one')
  t.match(files.current, two)
  t.same(given, [two.cert])

  write({ cert: three.cert, key: two.key })
  files.reread()
  t.match(files.current, two, 'a pair that does not fit changes nothing')
  t.match(warnings.pop(), 'the one before stays')
  write(three)
  files.reread()
  t.match(files.current, three)
})

nothingLeft(t)
