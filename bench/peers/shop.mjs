// What both Node servers share: the part of the contract that is measured, how documents are shown, and the database.
import { readFileSync } from 'node:fs'
import { MongoClient } from 'mongodb'

export const settings = JSON.parse(process.argv[2])

export const typeDefs = readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8')

const client = new MongoClient(settings.uri, { maxPoolSize: 100, writeConcern: { w: 'majority' } })
await client.connect()
export const database = client.db(settings.database)
export { client }

const decimal = (value, digits) => {
  const text = String(value).padStart(digits + 1, '0')
  const whole = text.slice(0, -digits)
  const part = text.slice(-digits).replace(/0+$/, '')
  return part ? `${whole}.${part}` : whole
}
const money = (minor) => ({ amount: (minor / 100).toFixed(2), currencyCode: 'USD' })

export const instant = (value) => value?.toISOString() ?? null
export const accountOf = (customerId) => `loy${customerId.slice(3)}`

/** Fields that a document does not have under the name and in the shape that clients see. */
export const shown = {
  Customer: {
    id: (customer) => customer._id,
    createdAt: (customer) => instant(customer.createdAt),
  },
  CustomerMetrics: {
    totalSpent: (metrics) => money(metrics.totalSpent),
    firstPurchaseAt: (metrics) => instant(metrics.firstPurchaseAt),
    lastPurchaseAt: (metrics) => instant(metrics.lastPurchaseAt),
  },
  LoyaltyAccount: { id: (account) => account._id, balance: (account) => account },
  PointsTransaction: { id: (entry) => entry._id, occurredAt: (entry) => instant(entry.occurredAt) },
  Purchase: {
    id: (purchase) => purchase._id,
    occurredAt: (purchase) => instant(purchase.occurredAt),
    total: (purchase) => money(purchase.total),
  },
  PurchaseLine: {
    quantity: (line) => decimal(line.quantity, 5),
    unitPrice: (line) => decimal(line.unitPrice, 6),
    discount: (line) => money(line.discount),
    total: (line) => money(line.total),
  },
  Offer: {
    id: (offer) => offer._id,
    startsAt: (offer) => instant(offer.startsAt),
    endsAt: (offer) => instant(offer.endsAt),
  },
}

/** Batch functions, one command each, answers in the order of the keys. */
export const load = {
  async customers(ids) {
    const found = await database.collection('customers').find({ _id: { $in: ids } }).toArray()
    return inOrder(ids, found, (customer) => customer._id)
  },
  async accounts(customerIds) {
    const found = await database.collection('loyalty_accounts').find({ _id: { $in: customerIds.map(accountOf) } }).toArray()
    return inOrder(customerIds, found, (account) => account.customerId)
  },
  async transactions(keys) {
    return newest('points_transactions', keys, { sequence: -1 })
  },
  async purchases(keys) {
    return newest('purchases', keys, { occurredAt: -1, _id: -1 })
  },
}

/** The newest of each owner: one owner by the index, the last one of many by $group, else a $lookup's way for each. */
async function newest(collection, keys, sort) {
  const of = database.collection(collection)
  if (keys.length > 1 && keys.every(({ first }) => first === 1)) {
    const owners = keys.map(({ owner }) => owner)
    const stages = [
      { $match: { owner: { $in: owners } } },
      { $sort: { owner: 1, ...sort } },
      { $group: { _id: '$owner', newest: { $first: '$$ROOT' } } },
    ]
    const found = await of.aggregate(stages).toArray()
    return inOrder(owners, found, (group) => group._id).map((group) => (group ? [group.newest] : []))
  }
  return Promise.all(keys.map(({ owner, first }) => of.find({ owner }).sort(sort).limit(first).toArray()))
}

function inOrder(keys, documents, keyOf) {
  const found = new Map(documents.map((document) => [keyOf(document), document]))
  return keys.map((key) => found.get(key) ?? null)
}

export const oneCustomer = (id) => database.collection('customers').findOne({ _id: id })

export const firstCustomers = (first) =>
  database.collection('customers').find({}).sort({ createdAt: 1, _id: 1 }).limit(first).toArray()

/** The newest offers that everybody may see, which the service finds by the same condition. */
export const firstOffers = (first) => {
  const now = new Date()
  const begun = { $or: [{ startsAt: null }, { startsAt: { $lte: now } }] }
  const lasting = { $or: [{ endsAt: null }, { endsAt: { $gt: now } }] }
  const shown = { public: true, active: true, $and: [begun, lasting] }
  return database.collection('offers').find(shown).sort({ _id: -1 }).limit(first).toArray()
}

const PERSON = ['firstName', 'lastName', 'createdAt', 'tags', 'metrics']
const ACCOUNT = ['available', 'pending', 'held', 'debt', 'lifetimeEarned']
const ENTRY = ['type', 'points', 'balanceAfter', 'occurredAt']
const PURCHASE = ['occurredAt', 'channel', 'total', 'pointsEarned', 'lines']

const shownOnly = (fields) => ({ $project: Object.fromEntries(fields.map((field) => [field, 1])) })

function newestOf(from, as, fields, sort, limit) {
  const pipeline = [{ $sort: sort }, { $limit: limit }, shownOnly(fields)]
  return { $lookup: { from, localField: '_id', foreignField: 'owner', as, pipeline } }
}

/** The account page's documents in one aggregation, the same as in bench/bare.py: every look-up by an index. */
export async function page(customerId) {
  const stages = [
    { $match: { _id: customerId } },
    shownOnly(PERSON),
    { $set: { accountId: { $concat: ['loy', { $substrBytes: ['$_id', 3, -1] }] } } },
    {
      $lookup: {
        from: 'loyalty_accounts', localField: 'accountId', foreignField: '_id', as: 'account',
        pipeline: [shownOnly(ACCOUNT)],
      },
    },
    newestOf('points_transactions', 'entries', ENTRY, { sequence: -1 }, 5),
    newestOf('purchases', 'bought', PURCHASE, { occurredAt: -1, _id: -1 }, 10),
  ]
  const [customer] = await database.collection('customers').aggregate(stages).toArray()
  return customer ?? null
}
