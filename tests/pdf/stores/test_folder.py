import pytest

from recoup.errors import DocumentsUnreachable
from recoup.pdf.stores import Folder
from recoup.testing.suites.documents import ContentsConformance


class TestAFolder(ContentsConformance):
    @pytest.fixture(autouse=True)
    def contents_of_a_folder(self, tmp_path):
        self.path = tmp_path / "papers"
        self.contents = Folder(self.path)

    def test_has_whole_files_and_nothing_else(self):
        name = self.contents.put(b"x")

        assert [one for one in self.path.rglob("*") if one.is_file()] == [
            self.path / name[:2] / name
        ]

    def test_that_was_changed_is_not_believed(self):
        name = self.contents.put(b"x")
        (self.path / name[:2] / name).write_bytes(b"y")

        with pytest.raises(DocumentsUnreachable, match="not what was put there"):
            self.contents.get(name)

    def test_that_can_not_be_written_says_so(self, tmp_path):
        (tmp_path / "file").write_text("")

        with pytest.raises(DocumentsUnreachable):
            Folder(tmp_path / "file").put(b"x")

    def test_that_can_not_be_read_says_so(self):
        name = self.contents.put(b"x")
        place = self.path / name[:2] / name
        place.unlink()
        place.mkdir()

        with pytest.raises(DocumentsUnreachable):
            self.contents.get(name)
