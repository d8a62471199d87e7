"""
What people ask the database. Reads only, set-based, never through the loop.

Lists are pages: `limit` rows behind the id `after`, and `next` to go on with.
"""
