"""Every route of the server, by method and path, as Stripe's reference writes them."""
