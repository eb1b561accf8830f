import io
import json
import os

import pytest
from landbridge_gateway.depot.folders import Unreadable, read_events, read_json, write_folder
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.logs import Log
from landbridge_gateway.depot.objects import RefusedFile, adopt, take_in
from landbridge_gateway.depot.quota import Quota
from landbridge_gateway.errors import InvalidRequest, TooLarge

ATTEMPT = "job_0000000000000001.1"
OBJECT = "obj_0000000000000001"


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path)
    made.prepare()
    return made


@pytest.fixture
def folder(layout):
    return write_folder(layout, ATTEMPT, {"protocol": 1}, {})


ROOM = Quota(0, lambda owner: 0).room("owner")


class BrokenStream:
    def read(self, size=-1):
        raise ConnectionResetError


def store(layout, data=b"bytes", **more):
    given = {"format": "arrow", "length": None, "digest": None, "most": 1000, "room": ROOM} | more
    return take_in(layout, io.BytesIO(data), **given)


@pytest.mark.parametrize(
    "name", ["../x", "obj_1", "obj_../../../../etc", "OBJ_0000000000000001", "obj_000000000000000/"]
)
def test_an_id_that_is_not_ours_has_no_path(layout, name):
    with pytest.raises(ValueError, match="not an object id"):
        layout.object_file(name, "arrow")
    with pytest.raises(ValueError, match="not an attempt"):
        layout.job_folder(name)


class TestTakingIn:
    def test_what_is_stored_cannot_be_changed(self, layout):
        stored = store(layout)
        path = layout.object_file(stored.id, "arrow")
        assert path.read_bytes() == b"bytes"
        assert path.stat().st_mode & 0o222 == 0

    @pytest.mark.parametrize(
        ("more", "error", "told"),
        [
            ({"length": 9}, InvalidRequest, "The upload was cut short: 5 of 9 bytes arrived."),
            ({"most": 4}, TooLarge, "An object has at most 4 bytes here."),
        ],
    )
    def test_a_refused_upload_leaves_nothing(self, layout, more, error, told):
        with pytest.raises(error, match=told.replace(".", "[.]")):
            store(layout, **more)
        assert list(layout.intake.iterdir()) == []
        assert list(layout.objects.rglob("*.*")) == []

    def test_a_broken_connection_leaves_nothing(self, layout):
        with pytest.raises(ConnectionResetError):
            take_in(layout, BrokenStream(), format="arrow", length=5, digest=None, most=10, room=ROOM)
        assert list(layout.intake.iterdir()) == []

    def test_no_more_is_read_than_was_announced(self, layout):
        assert store(layout, b"bytes and the next request", length=5).size == 5


class TestAdopting:
    def test_a_file_moves_and_a_second_time_finds_it_moved(self, layout, folder):
        source = folder.objects / "a.arrow"
        source.write_bytes(b"x")
        first = adopt(layout, source, "arrow", OBJECT)
        assert not source.exists()
        assert adopt(layout, source, "arrow", OBJECT) == first

    def test_what_is_not_a_plain_file_is_refused(self, layout, folder, tmp_path):
        (tmp_path / "secret").write_text("mine")
        made = {
            "link": lambda path: path.symlink_to(tmp_path / "secret"),
            "second name": lambda path: path.hardlink_to(tmp_path / "secret"),
            "pipe": os.mkfifo,
            "folder": lambda path: path.mkdir(),
        }
        for name, make in made.items():
            source = folder.objects / "a.arrow"
            make(source)
            with pytest.raises(RefusedFile, match="is not a plain file"):
                adopt(layout, source, "arrow", OBJECT)
            assert not layout.object_file(OBJECT, "arrow").exists(), name
        assert (tmp_path / "secret").read_text() == "mine"

    def test_one_that_is_not_there_is_named(self, layout, folder):
        with pytest.raises(RefusedFile, match="is not there"):
            adopt(layout, folder.objects / "a.arrow", "arrow", OBJECT)


class TestReading:
    def test_inputs_are_linked_and_the_rest_is_writable_for_the_job(self, layout):
        stored = store(layout)
        folder = write_folder(layout, ATTEMPT, {"protocol": 1}, {stored.id: "arrow"})
        linked = folder.inputs / f"{stored.id}.arrow"
        assert linked.stat().st_ino == layout.object_file(stored.id, "arrow").stat().st_ino
        assert json.loads(folder.spec.read_text()) == {"protocol": 1}
        assert folder.out.stat().st_mode & 0o777 == 0o777

    @pytest.mark.parametrize(
        ("text", "told"),
        [('{"a": ', "not whole JSON"), ("[1]", "not a JSON object"), ("[" * 100_000, "not whole JSON")],
    )
    def test_a_file_that_is_not_an_object_is_unreadable(self, folder, text, told):
        folder.result.write_text(text)
        with pytest.raises(Unreadable, match=told):
            read_json(folder.result)

    def test_a_file_beyond_its_bound_is_not_read(self, folder):
        folder.result.write_text('{"a": 1}')
        with pytest.raises(Unreadable, match="8 bytes; at most 7 are read"):
            read_json(folder.result, most=7)

    def test_links_and_pipes_are_not_followed(self, folder, tmp_path):
        (tmp_path / "secret").write_text("{}")
        folder.result.symlink_to(tmp_path / "secret")
        with pytest.raises(Unreadable):
            read_json(folder.result)
        os.mkfifo(folder.error)
        with pytest.raises(Unreadable, match="not a plain file"):
            read_json(folder.error)
        folder.log("stdout").symlink_to(tmp_path / "secret")
        assert Log(folder, "stdout").read(0, 10) == (b"", 0)

    def test_events_are_whole_lines(self, folder):
        folder.events.write_bytes(b'{"a": 1}\nnonsense\n[1]\n{"b"')
        batch = read_events(folder, 0)
        assert (batch.events, batch.offset, batch.broken) == ([{"a": 1}], 22, 2)
        assert read_events(folder, 22).events == []

    @pytest.mark.parametrize(
        ("text", "lines", "offset"), [("a\nb\nc\n", 1, 4), ("a\nb\nc", 1, 4), ("a\nb\nc\n", 9, 0), ("", 5, 0)]
    )
    def test_the_tail_of_a_log(self, folder, text, lines, offset):
        folder.log("stdout").write_text(text)
        assert Log(folder, "stdout").tail(lines) == offset
