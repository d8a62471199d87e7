"""
What Recoup is measured by. Each module measures one thing and is found by its name.

A module defines `run(url) -> dict`, given the URL of a fresh database at the newest schema, and
returns figure -> number; what is no number is left out of the table. What the project promises
stands in the module as `FLOORS` and `CEILINGS`, figure -> number. If `run` also takes `budget`,
it is told how many seconds it may use.
"""
