// What a storefront's own app asks for; codegen types it and lists its documents.
import { graphql } from "./generated/gql.js";

export const MyPoints = graphql(`
  query MyPoints {
    me {
      id
      firstName
      loyalty { balance { available nextExpiry { points at } } tier { tier { name } } }
      purchases(first: 3) { edges { node { id total { amount } occurredAt } } pageInfo { hasNextPage } }
    }
  }
`);

export const Follow = graphql(`
  subscription Follow {
    loyaltyUpdated { id balance { available } }
  }
`);

export const Redeem = graphql(`
  mutation Redeem($customer: CustomerKey!, $rewardId: ID!) {
    redeemReward(customer: $customer, rewardId: $rewardId) {
      code
      userErrors { code field message }
    }
  }
`);
