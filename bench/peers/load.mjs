// Sends one operation over and over from a number of connections for a while, and prints what it measured as JSON.
// On sockets of its own: any HTTP client of Node, autocannon too, takes more of the machine than the fastest servers do.
// One request at a time a connection. What is under way when the time is over is waited for and counts, with its time:
// else a server whose answers take a second would be told to answer half as many as it does.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

const { url, requests, connections, seconds } = JSON.parse(readFileSync(0, 'utf8'))
const { hostname, port, host, pathname } = new URL(url)
const FRESH = 'FRESH'
let sent = Number(process.hrtime.bigint() % 1_000_000_000n)

/** A request as it is sent, or how to make it where it is another each time. */
function prepared({ headers, body, fresh }) {
  const all = { host, 'content-type': 'application/json', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const whole = (text) =>
    Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  if (fresh) return () => whole(body.replace(FRESH, `${process.pid}-${sent++}`))
  const bytes = whole(body)
  return () => bytes
}

/** The length of the answer that a buffer begins with, and its status; null while its headers are not all there. */
function answer(buffer) {
  const end = buffer.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = buffer.latin1Slice(0, end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (!length) throw new Error(`An answer without a length: ${head}`)
  return { status: Number(head.slice(9, 12)), bytes: end + 4 + Number(length[1]) }
}

const all = requests.map(prepared)
const times = []
let failed = 0

/** Sends from one connection until the time is over; each begins with another customer than the others do. */
function work(number, until) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let index = Math.floor((number * all.length) / connections)
    let began = 0
    let buffer = Buffer.alloc(0)
    const next = () => {
      began = performance.now()
      if (began >= until) return socket.end(resolve)
      socket.write(all[index++ % all.length]())
    }
    socket.on('connect', next)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection.')))
    socket.on('data', (data) => {
      buffer = buffer.length ? Buffer.concat([buffer, data]) : data
      const found = answer(buffer)
      if (!found || buffer.length < found.bytes) return
      times.push(performance.now() - began)
      failed += found.status === 200 ? 0 : 1
      buffer = buffer.subarray(found.bytes)
      next()
    })
  })
}

const began = performance.now()
await Promise.all(Array.from({ length: connections }, (_, number) => work(number, began + seconds * 1000)))
const taken = (performance.now() - began) / 1000
times.sort((one, other) => one - other)
const quantile = (part) => times[Math.min(Math.floor(times.length * part), times.length - 1)] ?? 0
console.log(JSON.stringify({ requests: times.length, seconds: taken, failed, p50: quantile(0.5), p99: quantile(0.99) }))
