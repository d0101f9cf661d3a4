// Mercurius with its JIT, written as its documentation has it: resolvers, and loaders for every relation.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { recordPurchase } from './sale.mjs'
import { firstCustomers, load, page, settings, shown, typeDefs } from './shop.mjs'

const app = Fastify()
const root = settings.fused ? page : async (id) => (await load.customers([id]))[0]

const relations = {
  Customer: {
    loyalty: async (queries) =>
      fused(queries)
        ? queries.map(({ obj }) => ({ ...obj.account[0], entries: obj.entries }))
        : load.accounts(queries.map(({ obj }) => obj._id)),
    purchases: async (queries) =>
      fused(queries)
        ? queries.map(({ obj }) => ({ nodes: obj.bought }))
        : nodes(await load.purchases(queries.map(({ obj, params }) => ({ owner: obj._id, first: params.first })))),
  },
  LoyaltyAccount: {
    transactions: async (queries) =>
      fused(queries)
        ? queries.map(({ obj }) => ({ nodes: obj.entries }))
        : nodes(
            await load.transactions(queries.map(({ obj, params }) => ({ owner: obj.customerId, first: params.first }))),
          ),
  },
}

/** Whether the one customer was read with all that hangs on it. */
function fused(queries) {
  return settings.fused && queries.every(({ obj }) => obj.entries)
}

function nodes(lists) {
  return lists.map((list) => ({ nodes: list }))
}

app.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  context: (request) => ({ customerId: request.headers['x-customer'] }),
  resolvers: {
    ...shown,
    Query: {
      me: (_, __, context) => root(context.customerId),
      customer: async (_, { by }) => (await load.customers([by.id]))[0],
      customers: async (_, { first }) => ({ nodes: await firstCustomers(first) }),
    },
    Mutation: { recordPurchase: (_, { input }) => recordPurchase(input) },
  },
  loaders: relations,
})

await app.listen({ host: '127.0.0.1', port: settings.port })
