"""A pretended business on the real engine: what `recoup demo` runs."""
