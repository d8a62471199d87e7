"""One file a command; `recoup.cli.registry` lists them."""
