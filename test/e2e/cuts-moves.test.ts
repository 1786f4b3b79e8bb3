/** Sessions that move from polling to WebSocket and back, under load and cuts: zero findings. */
import t from 'tap'
import { surviveCuts } from '../support/cuts.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { pause } from '../support/until.ts'

t.test('polling → WebSocket → polling', async (t) => {
  const seen = new Set<string>()
  await surviveCuts(t, {
    clients: 10,
    cuts: 200,
    limitMs: 22_000,
    // Slow: messages must be under way on the old link while the new one says hello.
    plan: { share: 0.9, lifeMs: 1000, lifeBytes: 300_000, slowShare: 0.8, slowMs: 80 },
    client: { connectTimeoutMs: 500 },
    async meanwhile(proxy, random) {
      const end = Date.now() + 12_000
      while (Date.now() < end) {
        // A network that lets WebSockets pass, refuses them, or says nothing at all.
        proxy.rules.upgrades = random.pick(['pass', 'pass', 'answer', 'swallow'])
        await pause(random.int(500, 1500))
        for (const connection of proxy.connections) seen.add(connection.upgrade ? 'websocket' : 'polling')
        if (proxy.rules.upgrades !== 'pass')
          for (const connection of proxy.connections) if (connection.upgrade) connection.cut()
      }
      proxy.rules.upgrades = 'pass'
    },
  })
  t.same([...seen].sort(), ['polling', 'websocket'], 'both were in use')
})

nothingLeft(t)
