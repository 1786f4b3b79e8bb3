/** Raw connections only: each message comes back. The options of engine.io are the application's. */

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  Object.assign(server.engine.opts, {
    maxHttpBufferSize: 1_000_000,
    cors: { origin: 'https://example.org' },
    ...JSON.parse(process.env.ENGINE_OPTIONS ?? '{}'),
  })
  server.engine.on('connection', (socket) => socket.on('message', (data) => socket.send(data ?? '')))
}
