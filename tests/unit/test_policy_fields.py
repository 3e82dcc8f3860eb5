"""What people type for a policy, or write into a file."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from winnow.errors import Refused
from winnow.events import SelectionPolicy
from winnow_cli.commands import policy as command
from winnow_cli.selection.policies import changed, checked_key, differences, of_file, problems, shown, typed

THEN, NOW = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
KEY = b"a key of the test: 32 bytes long"
POLICY = SelectionPolicy(360.0, 20.0, THEN, sampling_key=KEY, note="the first")


def test_what_is_not_given_stays_except_the_note():
    after = changed(POLICY, typed(["burst=5", "heartbeat_share=0"]), NOW)
    assert after == SelectionPolicy(360.0, 5.0, NOW, heartbeat_share=0.0, sampling_key=KEY)
    assert changed(POLICY, typed(["note=a=b, c"]), NOW).note == "a=b, c"
    assert [changed(POLICY, typed([f"overload={text}"]), NOW).overload for text in ("on", "off", "true", "false")] == [
        True,
        False,
        True,
        False,
    ]
    assert differences(POLICY, after) == {
        "burst": {"old": 20.0, "new": 5.0},
        "heartbeat_share": {"old": 0.3, "new": 0.0},
    }
    assert isinstance(changed(POLICY, {"burst": 5}, NOW).burst, float), "what YAML has without a point"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"brust": 3}, "brust is no field of a policy; they are kept_per_hour, burst"),
        ({"burst": "many"}, "burst is 'many'; it must be a number"),
        ({"burst": True}, "burst is True; it must be a number"),
        ({"burst": None}, "burst is None; it must be a number"),
        ({"burst": [1]}, "burst is \\[1\\]; it must be a number"),
        ({"note": 5}, "note is 5; it must be a text"),
        ({"overload": "yes"}, "overload is 'yes'; it must be true or false"),
        ({"overload": 1}, "overload is 1; it must be true or false"),
        ({"overload_after_s": 0}, "overload_after_s is 0; it must be from 1 to 86400 seconds"),
        ({"burst": 0.5}, "burst is 0.5; it must be from 1 to 1000000 frames"),
        ({"heartbeat_share": 1.01}, "heartbeat_share is 1.01; it must be from 0 to 1 of the budget"),
        ({"kept_per_hour": float("nan")}, "kept_per_hour is nan"),
        ({"control_every_s": float("inf")}, "control_every_s is inf"),
        ({"split_block_s": 10**400}, "split_block_s"),
        ({"sampling_key": "abc"}, "sampling_key cannot be set"),
        ({"changed_at": "2026"}, "changed_at cannot be set"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values, told):
    (only,) = problems(values)
    with pytest.raises(Refused, match=f"(?s)nothing was changed.*{told}"):
        changed(POLICY, values, NOW)
    assert KEY.decode() not in only


def test_everything_that_is_wrong_is_told_at_once():
    assert [told.split(" ")[0] for told in problems({"a": 1, "burst": "x", "kept_per_hour": 0})] == [
        "a",
        "burst",
        "kept_per_hour",
    ]


def test_the_sampling_key_is_never_shown_whole_and_told_from_another():
    told = json.dumps(shown(POLICY))
    assert KEY.hex() not in told and KEY.decode() not in told and KEY[:4].hex() not in told
    other = changed(POLICY, {"burst": 20.0}, NOW)
    assert shown(other)["sampling_key"] == shown(POLICY)["sampling_key"]
    assert shown(POLICY)["sampling_key"].startswith("32 bytes, SHA-256 ")


@pytest.mark.parametrize("key", ["", "camera/", "group", "Default", "camera/a\nb", f"group/{'g' * 201}"])
def test_keys_that_nobody_has_are_refused(key):
    with pytest.raises(Refused, match="key"):
        checked_key(key)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.yaml", "kept_per_hour: 12\nnote: at night\n", {"kept_per_hour": 12, "note": "at night"}),
        ("p.json", '{"burst": 3.5}', {"burst": 3.5}),
        (
            "p.yaml",
            "burst: 1e-305\nkept_per_hour: -2E3\nnote: 1e\n",
            {"burst": 1e-305, "kept_per_hour": -2e3, "note": "1e"},
        ),
    ],
)
def test_a_file_holds_fields(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    assert of_file(tmp_path / name) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[1", "neither YAML nor JSON"),
        (b"\xff\xfe\xfa", "neither YAML nor JSON"),
        (b"", "no fields"),
        (b"- burst", "no fields"),
        (b"!!python/object/apply:os.getcwd []", "neither YAML nor JSON"),
        (None, "No such file"),
    ],
)
def test_files_without_fields_are_refused(tmp_path, text, told):
    if text is not None:
        (tmp_path / "p.yaml").write_bytes(text)
    with pytest.raises(Refused, match=told):
        of_file(tmp_path / "p.yaml")


def test_a_file_is_checked_without_any_server(tmp_path, monkeypatch):
    for name in ("WINNOW_KAFKA_BOOTSTRAP", "WINNOW_REGISTRY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "nothing runs here"))
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("kept_per_hour: 60\n")
    bad.write_text("kept_per_hour: 0\nbrust: 1\n")
    done = CliRunner().invoke(command.app, ["check", str(good), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["valid"]) == (0, True)
    refused = CliRunner().invoke(command.app, ["check", str(bad), "--json"])
    assert isinstance(refused.exception, Refused) and "brust" in str(refused.exception)
    told = json.loads(refused.stdout)
    assert not told["valid"] and [one.split(" ")[0] for one in told["problems"]] == ["brust", "kept_per_hour"]
