import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "./main.css";

const QUERY_DEFAULT = "query {\n  __typename\n}\n";
const HEADERS_DEFAULT = { Authorization: "Bearer " };

/** What the server wrote into the page; nothing when the page is served as it lies in the repository. */
function readConfig() {
  try {
    return JSON.parse(document.getElementById("graphiql-config").textContent);
  } catch {
    return {};
  }
}

/** The tab that was open when the page was last left; undefined on a first visit. */
function lastTab() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem("graphiql:tabState"));
    return tabs[activeTabIndex];
  } catch {
    return undefined;
  }
}

/**
 * Tell GraphiQL which tab to show. It looks for one whose contents equal these three entries, and opens a further,
 * empty one when there is none: after every reload, since on start it forgets the headers entry itself.
 */
function storeContents({ query, variables, headers }) {
  for (const [name, value] of Object.entries({ query, variables, headers })) {
    if (value) localStorage.setItem(`graphiql:${name}`, value);
    else localStorage.removeItem(`graphiql:${name}`);
  }
}

/** Leave out a token that nobody has typed yet: a bare "Bearer" would be refused where no header is welcome. */
function withoutEmptyToken(headers = {}) {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => !(name.toLowerCase() === "authorization" && /^\s*(bearer)?\s*$/i.test(value)),
    ),
  );
}

function parseHeaders(text) {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Queries go to the address this page came from, subscriptions to the same address over WebSocket.
 *
 * The first request asks for the schema, before GraphiQL has read the header editor: it carries `firstHeaders`.
 */
function createFetcher(firstHeaders) {
  const socket = new URL(location.pathname, location.href);
  socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const fetcher = createGraphiQLFetcher({ url: location.pathname, subscriptionUrl: socket.href });
  let pending = firstHeaders;
  return (params, options) => {
    const headers = withoutEmptyToken(options?.headers ?? pending);
    pending = undefined;
    return fetcher(params, { ...options, headers });
  };
}

const config = readConfig();
const title = config.title || "GraphiQL";
const defaultQuery = config.defaultQuery || QUERY_DEFAULT;
const defaultHeaders = JSON.stringify(config.headers ?? HEADERS_DEFAULT, null, 2);
const contents = lastTab() ?? { query: defaultQuery, headers: defaultHeaders };

document.title = title;
storeContents(contents);
const fetcher = createFetcher(parseHeaders(contents.headers ?? defaultHeaders));
createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={defaultQuery}
    defaultHeaders={defaultHeaders}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders={localStorage.getItem("graphiql:shouldPersistHeaders") !== "false"}
    schemaDescription
    inputValueDeprecation
  >
    <GraphiQL.Logo>
      <span className="page-title">{title}</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
