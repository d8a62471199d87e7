"""What others build, served for comparison; each runs in an environment of its own."""
