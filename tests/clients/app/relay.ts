// What an app over Relay asks for; relay-compiler compiles it against the schema file.
declare const graphql: (parts: TemplateStringsArray) => unknown;

export const history = graphql`
  fragment relay_history on LoyaltyAccount
  @argumentDefinitions(first: { type: "Int", defaultValue: 5 }, after: { type: "String" })
  @refetchable(queryName: "relayHistoryPage") {
    transactions(first: $first, after: $after) @connection(key: "relay_transactions") {
      edges { node { id type points } }
    }
  }
`;

export const page = graphql`
  query relayPointsQuery {
    me { loyalty { balance { available } ...relay_history } }
  }
`;

export const follow = graphql`
  subscription relayFollowSubscription {
    loyaltyUpdated { balance { available } ...relay_history }
  }
`;

export const redeem = graphql`
  mutation relayRedeemMutation($customer: CustomerKey!, $rewardId: ID!) {
    redeemReward(customer: $customer, rewardId: $rewardId) { code userErrors { code } }
  }
`;
