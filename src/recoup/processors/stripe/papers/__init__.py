"""What Stripe's invoices show to whom they are addressed."""
