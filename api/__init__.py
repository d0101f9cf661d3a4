"""What the outside touches: the application, settings, authentication, GraphQL over HTTP, health, the command line."""
