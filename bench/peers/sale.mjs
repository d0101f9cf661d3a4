// Records a sale as this project stores one: the same documents in the same collections, in one transaction.
// What a sale's documents look like besides is taken from one that the service itself recorded for the bench.
import { randomBytes } from 'node:crypto'
import { accountOf, client, database } from './shop.mjs'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const MULTIPLIERS = [1, 1.25, 1.5]

const id = (prefix) => prefix + '_' + Array.from(randomBytes(26), (byte) => ALPHABET[byte & 31]).join('')
const scaled = (text, digits) => Math.round(Number(text) * 10 ** digits)

let template
async function written() {
  const of = (name) => database.collection(name)
  const purchase = await of('purchases').findOne({ 'externalId.source': 'bench' }, { sort: { recordedAt: 1 } })
  const from = { owner: purchase.owner, 'source.nodeId': purchase._id }
  const skus = purchase.lines.map((line) => line.sku)
  const entry = await of('points_transactions').findOne(from)
  const told = { owner: purchase.owner, $or: [{ nodeId: purchase._id }, { 'data.entryId': entry._id }] }
  const [lot, events, program, taste, products] = await Promise.all([
    of('points_lots').findOne(from),
    of('outbox').find(told).sort({ position: 1 }).toArray(),
    of('loyalty_programs').findOne({}, { sort: { _id: -1 } }),
    of('tastes').findOne({ owner: purchase.owner, year: purchase.occurredAt.getUTCFullYear() }),
    of('products').find({ sku: { $in: skus } }).toArray(),
  ])
  return {
    purchase, entry, lot, events,
    tiers: program.tiers.map((tier) => tier.id),
    taste: taste._id,
    products: new Map(products.map((product) => [product.sku, product._id])),
  }
}

export async function recordPurchase(input) {
  template ??= await written()
  const session = client.startSession()
  try {
    return await session.withTransaction(() => write(input, session), { readConcern: { level: 'snapshot' } })
  } finally {
    await session.endSession()
  }
}

/** Counts what the customer likes, as store/tastes.py does; a product's id is looked up as nothing here derives it. */
async function count(owner, at, input, session) {
  const day = Math.floor(at / 86_400_000)
  const added = { counted: input.lines.length }
  const latest = {}
  for (const line of input.lines) {
    const name = `products.${template.products.get(line.sku)}`
    added[`${name}.s`] = 2 ** ((day - 18_262) / 90)
    added[`${name}.n`] = 1
    latest[`${name}.last`] = day
  }
  const _id = template.taste.replace(template.purchase.owner, owner)
  const empty = { year: at.getUTCFullYear(), counted: 0, products: {}, categories: {} }
  await database.collection('tastes').bulkWrite(
    [
      { updateOne: { filter: { _id, owner }, update: { $setOnInsert: empty }, upsert: true } },
      {
        updateOne: {
          filter: { _id, owner, counted: { $lt: 100_000 } },
          update: { $inc: added, $max: latest, $set: { storeCode: null, channel: input.channel } },
        },
      },
    ],
    { session },
  )
}

async function write(input, session) {
  const of = (name) => database.collection(name)
  const owner = input.customer.id
  const now = new Date()
  const occurredAt = new Date(input.occurredAt)
  const ends = new Date(occurredAt)
  ends.setUTCMonth(ends.getUTCMonth() + 24)
  const account = await of('loyalty_accounts').findOneAndUpdate(
    { _id: accountOf(owner) }, { $inc: { locks: 1 } }, { session, returnDocument: 'after' },
  )
  const total = scaled(input.total, 2)
  const held = account.tierSteps.findLast((step) => step.since < occurredAt) ?? account.tierSteps[0]
  const points = Math.floor((total * MULTIPLIERS[template.tiers.indexOf(held.tierId)]) / 100)
  const ids = { purchase: id('pur'), lot: id('lot'), entry: id('ptx'), event: id('evt') }
  const { externalId } = input
  const source = { kind: 'PURCHASE', nodeId: ids.purchase, externalId }
  const purchase = {
    ...template.purchase, _id: ids.purchase, owner, customerId: owner, externalId, occurredAt, recordedAt: now, total,
    lines: input.lines.map((line) => ({
      ...line,
      quantity: scaled(line.quantity, 5),
      unitPrice: scaled(line.unitPrice, 6),
      discount: 0,
      total: scaled(Number(line.quantity) * Number(line.unitPrice), 2),
    })),
    pointsEarned: points, qualifying: points, qualifyingSpend: total, lotIds: [ids.lot],
  }
  await of('keys').insertMany(
    [`pur:${externalId.source}:${externalId.value}`, `id:${ids.purchase}`].map((key) => ({ _id: key, ref: ids.purchase, owner })),
    { session },
  )
  await of('purchases').insertOne(purchase, { session })
  const sequence = account.sequence + 1
  const balanceAfter = account.available + points
  const { _id, customerId, createdAt, locks, ...totals } = account
  await of('loyalty_accounts').updateOne(
    { _id },
    { $set: { ...totals, sequence, available: balanceAfter, lifetimeEarned: account.lifetimeEarned + points, lastAt: now, activityAt: now } },
    { session },
  )
  const entry = { ...template.entry, _id: ids.entry, owner, sequence, points, balanceAfter, at: now, occurredAt, source, lots: [{ id: ids.lot, points }] }
  await of('points_transactions').insertMany([entry], { session })
  const lot = { ...template.lot, _id: ids.lot, owner, source, earned: points, remaining: points, earnedAt: occurredAt, activeAt: occurredAt, expiresAt: ends }
  await of('points_lots').insertMany([lot], { session })
  await of('customers').updateOne(
    { _id: owner },
    {
      $inc: { 'metrics.purchaseCount': 1, 'metrics.totalSpent': total },
      $min: { 'metrics.firstPurchaseAt': occurredAt },
      $max: { 'metrics.lastPurchaseAt': occurredAt },
      $addToSet: { 'metrics.channels': input.channel },
      $set: { tierSteps: account.tierSteps },
    },
    { session },
  )
  await count(owner, occurredAt, input, session)
  const events = template.events.map((event, position) => ({
    ...event, _id: position ? id('evt') : ids.event, owner, at: now, transactionId: ids.event, position,
  }))
  await of('outbox').insertMany(events, { session })
  return { purchase, replayed: false, userErrors: [] }
}
