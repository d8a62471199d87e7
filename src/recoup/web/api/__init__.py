"""
`/api/v1`: the verbs of `recoup.customers` and the others, over HTTP, for who has a key.

An `Endpoint` says everything about one: method, path, scope, what it takes and answers, and the
function that calls the verb. Routes, checks and the OpenAPI document are made of these. To add
one: an entry in `nouns/`, a test; the table in docs/api.md is what `openapi.table` prints.
"""

from recoup.web.api.desk import Desk as Desk
from recoup.web.api.endpoint import PREFIX as PREFIX
