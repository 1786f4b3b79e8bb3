/** Takes sessions only: no raw connections, no pages. */
/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.on('session', (session) => session.on('pid', () => process.pid))
}
