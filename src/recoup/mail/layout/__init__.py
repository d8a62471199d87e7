"""How a mail looks: one layout for all, written in MJML and compiled when it is changed."""
