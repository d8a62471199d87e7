"""A strict server in Stripe's shape, for tests: the official SDK is its client."""
