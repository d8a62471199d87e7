"""A store of documents whose process dies."""


class Killed(BaseException):
    """What ends a process, as far as code can tell."""


class Dying:
    """A store whose process dies right before, or right after, it has kept something."""

    name = "database"

    def __init__(self, behind, *, after, at):
        self._behind, self._after, self._at = behind, after, at
        self.puts = 0

    def put(self, content):
        self.puts += 1
        if self.puts == self._at and not self._after:
            raise Killed
        name = self._behind.put(content)
        if self.puts == self._at:
            raise Killed
        return name

    def get(self, name):
        return self._behind.get(name)
