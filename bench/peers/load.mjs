// Sends one operation over and over from a number of connections for a while, and prints what it measured as JSON.
// Node's own HTTP client would be the bottleneck, hence autocannon, which pipelines nothing here: one request at a time a connection.
import autocannon from 'autocannon'
import { readFileSync } from 'node:fs'

const { url, requests, connections, seconds } = JSON.parse(readFileSync(0, 'utf8'))
let sent = Number(process.hrtime.bigint() % 1_000_000_000n)

const result = await autocannon({
  url,
  connections,
  duration: seconds,
  requests: requests.map(({ headers, body, fresh }) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: fresh ? undefined : body,
    ...(fresh && { setupRequest: (request) => ({ ...request, body: body.replace('FRESH', `${process.pid}-${sent++}`) }) }),
  })),
})
const { latency } = result
console.log(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    failed: result.errors + result.timeouts + result.non2xx,
    p50: latency.p50,
    p99: latency.p99,
    average: latency.average,
  }),
)
