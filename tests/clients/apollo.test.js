// Apollo Client: queries, relay-style pagination, mutations, subscriptions over WebSocket, persisted queries.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { POINTS, bearer, customer, keys, sell, socketUrl, token, until, url } from "./served.js";

const seen = [];
const watched = (address, options) => {
  seen.push({ method: options.method, address: String(address), body: options.body });
  return fetch(address, options);
};
const cache = () =>
  new InMemoryCache({ typePolicies: { Query: { fields: { customers: relayStylePagination() } } } });
const client = (credential, link) =>
  new ApolloClient({
    cache: cache(),
    link: ApolloLink.from([...(link ? [link] : []), new HttpLink({ uri: url, headers: bearer(credential), fetch: watched })]),
  });

const PAGE = gql`
  query Page($after: String) {
    customers(first: 2, after: $after) {
      edges { cursor node { id firstName } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

test("a list grows by fetchMore", async () => {
  const apollo = client(keys.STAFF);
  const query = apollo.watchQuery({ query: PAGE });
  const results = [];
  const subscription = query.subscribe((result) => results.push(result));
  after(() => subscription.unsubscribe());
  const first = await until(() => results.find((result) => result.data));
  assert.equal(first.data.customers.edges.length, 2);

  await query.fetchMore({ variables: { after: first.data.customers.pageInfo.endCursor } });

  const both = await until(() => results.findLast((result) => result.data?.customers.edges.length === 4));
  assert.equal(new Set(both.data.customers.edges.map((edge) => edge.node.id)).size, 4);
});

test("a mutation's errors are data and change the cache", async () => {
  const apollo = client(keys.STAFF);
  const change = (firstName) =>
    apollo.mutate({
      mutation: gql`
        mutation Change($by: CustomerKey!, $input: UpdateCustomerInput!) {
          updateCustomer(by: $by, input: $input) { customer { id firstName } userErrors { code field } }
        }
      `,
      variables: { by: { id: customer }, input: { firstName } },
    });
  assert.deepEqual((await change("Anna")).data.updateCustomer.userErrors, []);
  assert.equal(apollo.cache.extract()[`Customer:${customer}`].firstName, "Anna");
  const refused = (await change("x".repeat(5000))).data.updateCustomer;
  assert.equal(refused.customer, null);
  assert.equal(refused.userErrors[0].code, "INVALID");
});

test("an error has its code", async () => {
  const refused = client(keys.STAFF).query({ query: gql`query { me { id } }` });
  await assert.rejects(refused, (error) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0].extensions.code, "FORBIDDEN");
    return true;
  });
});

test("no credential is told in GraphQL's own terms", async () => {
  const refused = client("wrong").query({ query: gql`query { stores { totalCount } }` });
  await assert.rejects(refused, (error) => {
    const errors = error.errors ?? JSON.parse(error.bodyText).errors;
    assert.equal(errors[0].extensions.code, "UNAUTHENTICATED");
    return true;
  });
});

test("persisted queries are hashed, and sent by GET once they are known", async () => {
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const apollo = () => client(keys.STAFF, new PersistedQueryLink({ sha256, useGETForHashedQueries: true }));
  const query = gql`query Hashed { stores(first: 7) { totalCount } }`;
  seen.length = 0;
  assert.equal((await apollo().query({ query })).data.stores.totalCount, 0);
  assert.equal((await apollo().query({ query })).data.stores.totalCount, 0);
  const how = seen.map(({ method, address, body }) => [method, /[?&]query=/.test(address) || /"query"/.test(body ?? "")]);
  assert.deepEqual(how[0], ["GET", false]);
  assert.equal(how[1][1], true, "the text follows");
  assert.deepEqual(how.slice(2), [["GET", false]]);
});

test("a sale reaches a subscription over WebSocket", async () => {
  const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: bearer(token) });
  after(() => socket.dispose());
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(socket) });
  const told = [];
  const subscription = apollo
    .subscribe({ query: gql(POINTS) })
    .subscribe((result) => told.push(result.data.loyaltyUpdated.balance.available));
  await until(() => told.length);
  await sell(3);
  await until(() => told.at(-1) >= told[0] + 3);
  subscription.unsubscribe();
});
