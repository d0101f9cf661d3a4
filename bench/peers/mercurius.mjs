// Mercurius with its JIT, written as its documentation has it: resolvers, and loaders for every relation.
// "fused": the account page is read by one aggregation instead, so there is nothing left for loaders to load.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { recordPurchase } from './sale.mjs'
import { firstCustomers, firstOffers, load, oneCustomer, page, settings, shown, typeDefs } from './shop.mjs'

const nodes = (lists) => lists.map((list) => ({ nodes: list }))

const relations = {
  Customer: {
    loyalty: async (queries) => load.accounts(queries.map(({ obj }) => obj._id)),
    purchases: async (queries) =>
      nodes(await load.purchases(queries.map(({ obj, params }) => ({ owner: obj._id, first: params.first })))),
  },
  LoyaltyAccount: {
    transactions: async (queries) =>
      nodes(await load.transactions(queries.map(({ obj, params }) => ({ owner: obj.customerId, first: params.first })))),
  },
}

const found = {
  Customer: {
    ...shown.Customer,
    loyalty: (customer) => ({ ...customer.account[0], entries: customer.entries }),
    purchases: (customer) => ({ nodes: customer.bought }),
  },
  LoyaltyAccount: { ...shown.LoyaltyAccount, transactions: (account) => ({ nodes: account.entries }) },
}

const app = Fastify()
app.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  context: (request) => ({ customerId: request.headers['x-customer'] }),
  resolvers: {
    ...shown,
    ...(settings.fused && found),
    Query: {
      me: (_, __, context) => (settings.fused ? page : oneCustomer)(context.customerId),
      customer: (_, { by }) => oneCustomer(by.id),
      customers: async (_, { first }) => ({ nodes: await firstCustomers(first) }),
      offers: async (_, { first }) => ({ nodes: await firstOffers(first) }),
    },
    Mutation: { recordPurchase: (_, { input }) => recordPurchase(input) },
  },
  loaders: settings.fused ? {} : relations,
})

await app.listen({ host: '127.0.0.1', port: settings.port })
