// Apollo Server 5 with a DataLoader for every relation, made anew for each request.
import { ApolloServer } from '@apollo/server'
import fastifyApollo from '@as-integrations/fastify'
import DataLoader from 'dataloader'
import Fastify from 'fastify'
import { recordPurchase } from './sale.mjs'
import { firstCustomers, firstOffers, load, settings, shown, typeDefs } from './shop.mjs'

const listKey = { cacheKeyFn: ({ owner, first }) => `${owner}:${first}` }

const resolvers = {
  ...shown,
  Query: {
    me: (_, __, context) => context.customers.load(context.customerId),
    customer: (_, { by }, context) => context.customers.load(by.id),
    customers: async (_, { first }) => ({ nodes: await firstCustomers(first) }),
    offers: async (_, { first }) => ({ nodes: await firstOffers(first) }),
  },
  Mutation: { recordPurchase: (_, { input }) => recordPurchase(input) },
  Customer: {
    ...shown.Customer,
    loyalty: (customer, _, context) => context.accounts.load(customer._id),
    purchases: async (customer, { first }, context) => ({
      nodes: await context.purchases.load({ owner: customer._id, first }),
    }),
  },
  LoyaltyAccount: {
    ...shown.LoyaltyAccount,
    transactions: async (account, { first }, context) => ({
      nodes: await context.transactions.load({ owner: account.customerId, first }),
    }),
  },
}

const server = new ApolloServer({ typeDefs, resolvers })
await server.start()

const app = Fastify()
app.register(fastifyApollo(server), {
  path: '/graphql',
  context: async (request) => ({
    customerId: request.headers['x-customer'],
    customers: new DataLoader(load.customers),
    accounts: new DataLoader(load.accounts),
    purchases: new DataLoader(load.purchases, listKey),
    transactions: new DataLoader(load.transactions, listKey),
  }),
})
await app.listen({ host: '127.0.0.1', port: settings.port })
