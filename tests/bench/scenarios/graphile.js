'use strict'
// Usage: node graphile.js migrate|drain URL
// Drains until the queue is empty and prints when it began and ended (milliseconds), how many jobs it ran and what it used.
const { Logger, runMigrations, runOnce } = require('graphile-worker')

const [action, connectionString] = process.argv.slice(2)
const logger = new Logger(() => () => {})
const worker = {
  connectionString,
  logger,
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0
}

async function drain () {
  let jobs = 0
  const start = Date.now()
  await runOnce({ preset: { worker }, taskList: { noop: async () => { jobs++ } } })
  const end = Date.now()
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  console.log(JSON.stringify({ start, end, jobs, cpu_s: (userCPUTime + systemCPUTime) / 1e6, rss_mb: maxRSS / 1024 }))
}

const actions = { migrate: () => runMigrations({ preset: { worker: { connectionString, logger } } }), drain }
actions[action]().catch(error => {
  console.error(error)
  process.exitCode = 1
})
