"""
Where documents are kept besides the database: each content by its own SHA-256.

The database's own is `recoup.store.documents`. To add one: a file here, its case in
`recoup.effects._papers`, a test that runs `recoup.testing.suites.documents`, a heading in
docs/documents.md.
"""

from recoup.pdf.stores.base import Contents as Contents
from recoup.pdf.stores.base import digest as digest
from recoup.pdf.stores.folder import Folder as Folder
from recoup.pdf.stores.null import Null as Null
from recoup.pdf.stores.s3 import S3 as S3
