import { readFileSync } from 'node:fs'
import { startCluster } from '../support/cluster.ts'
import { startProxy } from '../support/proxy.ts'
import { connect } from '../../lib/client/index.ts'
import { until } from '../support/until.ts'
import { childrenOf } from '../support/processes.ts'
const cluster = await startCluster({ teardown() {} }, { app: 'field', workers: 4, args: ['--head-ms','30000'] })
const cpu = (pid: number) => { const s = readFileSync(`/proc/${pid}/stat`,'utf8').split(') ')[1]!.split(' '); return (Number(s[11])+Number(s[12]))/100 }
const proxy = await startProxy(cluster.port)
const direct = process.argv[2] === 'direct'
const n = 400
const me = process.cpuUsage()
const before = [cluster.pid, ...cluster.workers()].map(cpu)
const t0 = Date.now()
const cs = []
for (let i = 0; i < n; i++) {
  const c = connect(direct ? cluster.url : proxy.url, { transports: ['polling'], connectTimeoutMs: 20000 })
  cs.push(c)
  if (i % 100 === 99) await until(() => cs.every(c => c.state === 'connected'), 30000)
}
console.log('connected', Date.now() - t0)
await Promise.all(cs.map(c => c.emitWithAck('pid')))
console.log('asked', Date.now() - t0)
const u = process.cpuUsage(me)
console.log('test', (u.user + u.system) / 1e6, 'primary,workers', [cluster.pid, ...cluster.workers()].map(cpu).map((x, i) => x - before[i]!), 'made', proxy.made)
for (const c of cs) c.close()
await new Promise(r => setTimeout(r, 1500))
await proxy.stop()
await cluster.stop()
