// pm2 start ecosystem.config.cjs: one primary, which runs the workers itself.
module.exports = {
  apps: [
    {
      name: 'limpet',
      script: 'bin/serve',
      interpreter: 'node',
      exec_mode: 'fork',
      wait_ready: true,
      listen_timeout: 20000,
      // More than --shutdown-ms, or pm2 kills what is still closing.
      kill_timeout: 8000,
    },
  ],
}
