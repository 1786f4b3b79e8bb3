import t from 'tap'
import { busyOfStat, cpuOf, cpuOfStat, numberBehind, pssOf, writesOf } from './usage.ts'

t.test('CPU seconds of a process, whatever it is called', async (t) => {
  const rest = '1 1 1 0 -1 4194304 100 0 0 0 123 77 9 9 20 0 7 0 100'
  t.equal(cpuOfStat(`42 (node) S ${rest}`), 2)
  t.equal(cpuOfStat(`42 (a) b) R 9) S ${rest}`), 2)
})

t.test('busy seconds of the machine: neither idle nor waiting', async (t) => {
  t.equal(busyOfStat('cpu  100 20 30 99999 8888 1 2 3 0 0\ncpu0 50 10 15 9 9 1 1 1 0 0\n'), 1.56)
})

t.test('numbers of /proc by name', async (t) => {
  t.equal(numberBehind('rchar: 10\nsyscr: 2\nsyscw: 37\n', 'syscw'), 37)
  t.equal(numberBehind('1-2 [rollup]\nRss:   1768 kB\nPss:      340 kB\nPss_Dirty: 1 kB\n', 'Pss'), 340)
  t.throws(() => numberBehind('Rss: 1 kB\n', 'Pss'), /no Pss/)
})

t.test('of this process', async (t) => {
  const [cpu, writes] = [cpuOf([process.pid]), writesOf([process.pid])]
  const until = process.cpuUsage().user + 60_000
  while (process.cpuUsage().user < until);
  t.ok(cpuOf([process.pid]) > cpu)
  t.ok(writesOf([process.pid, process.pid]) >= 2 * writes)
  t.ok(pssOf([process.pid]) > 1000)
  t.throws(() => cpuOf([2 ** 22 + 1]), 'a process that has ended')
})
