// What codegen and Relay wrote when the apps were built is what a customer may run, by hash or by text, and no more.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { bearer, customer, generated, keys, token, trustedUrl } from "./served.js";

const read = (...path) => JSON.parse(readFileSync(join(generated, ...path), "utf8"));
const codegen = read("codegen", "generated", "persisted-documents.json");
const relay = read("relay", "persisted.json");
const byName = (list, name) => Object.entries(list).find(([, text]) => text.includes(name));

async function post(body, credential = token) {
  const response = await fetch(trustedUrl, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(credential) },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

test("codegen and relay-compiler generate from the committed schema, and the types hold", () => {
  const { artifacts, typeErrors } = read("generated.json");
  assert.deepEqual(typeErrors, []);
  assert.ok(artifacts.includes("relayHistoryPage.graphql.ts"), String(artifacts));
  assert.equal(Object.keys(codegen).length, 3);
  assert.equal(Object.keys(relay).length, 4);
});

test("codegen's query runs by its hash, by its id and by its text", async () => {
  const [hash, text] = byName(codegen, "query MyPoints");
  const bare = hash.replace("sha256:", "");
  for (const body of [
    { documentId: hash },
    { documentId: bare },
    { extensions: { persistedQuery: { version: 1, sha256Hash: bare } } },
    { extensions: { persistedQuery: { version: 1, sha256Hash: hash } } },
    { query: text },
  ]) {
    const { status, body: answer } = await post(body);
    assert.equal(status, 200, JSON.stringify(answer));
    assert.equal(answer.data.me.id, customer);
  }
});

test("Relay's query and mutation run by their hashes", async () => {
  const [query] = byName(relay, "query relayPointsQuery");
  assert.ok((await post({ documentId: query })).body.data.me.loyalty.balance.available >= 0);
  const [mutation] = byName(relay, "mutation relayRedeemMutation");
  const variables = { customer: { id: customer }, rewardId: "rwd_01J00000000000000000000000" };
  const { redeemReward } = (await post({ documentId: mutation, variables })).body.data;
  assert.ok(redeemReward.userErrors[0].code, JSON.stringify(redeemReward));
});

test("another text is refused, and an unknown hash is unknown", async () => {
  const refused = await post({ query: "{ me { id email } }" });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.errors[0].extensions.code, "DOCUMENT_NOT_TRUSTED");
  const unknown = await post({ documentId: "0".repeat(64) });
  assert.equal(unknown.body.errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
  assert.equal((await post({ query: "{ stores { totalCount } }" }, keys.STAFF)).status, 200);
});

test("over a socket the same holds", async () => {
  const client = createClient({
    url: trustedUrl.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: bearer(token),
    retryAttempts: 0,
  });
  after(() => client.dispose());
  const [, follow] = byName(codegen, "subscription Follow");
  for await (const { data } of client.iterate({ query: follow })) {
    assert.ok(data.loyaltyUpdated.balance.available >= 0);
    break;
  }
  const refused = client.iterate({ query: "subscription { loyaltyUpdated { id } }" });
  await assert.rejects(refused.next(), (errors) => errors[0].extensions.code === "DOCUMENT_NOT_TRUSTED");
});
