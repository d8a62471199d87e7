"""What people ask for, as calls to Stripe: one module per noun."""
