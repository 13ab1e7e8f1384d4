"""A walk finds every byte of a file once, in order, and ends in time."""

from __future__ import annotations

import pytest

from limner import ProviderError
from limner.chunks import parts_of
from tests.limner.odd_pictures import JPEG, early
from tests.limner.test_picture import PICTURES, chunk


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "svg"])
def test_one_part_begins_where_another_ends(name: str) -> None:
    data, info = PICTURES[name]
    parts = list(parts_of(data))
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert all(part.start < part.body <= part.stop <= part.end for part in parts)
    rest = data[parts[-1].end :]
    ends = {"image/gif": rest == b";", "image/jpeg": rest.startswith(b"\xff\xda")}
    assert ends.get(info.media_type, rest == b"")


def test_a_file_of_nothing_but_parts_is_refused() -> None:
    with pytest.raises(ProviderError):
        list(parts_of(early(chunk(b"tEXt", b"") * 200_000)))


def test_what_is_no_picture_has_no_parts() -> None:
    for data in (b"", b"<svg/>", JPEG[1:]):
        with pytest.raises(ValueError, match="no format"):
            list(parts_of(data))
