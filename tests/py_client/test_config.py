"""Where the client finds the gateway, and to whom it gives which token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from landbridge import config, errors


def home(folder: Path, url: str, token: str) -> dict[str, str]:
    folder.mkdir()
    (folder / "gateway.json").write_text(json.dumps({"url": url, "pid": 1, "python": "python3"}))
    (folder / "token").write_text(f"{token}\n")
    return {"LANDBRIDGE_HOME": str(folder)}


def test_the_address_is_found_in_the_contracts_order(tmp_path: Path) -> None:
    here = tmp_path / "project" / "deep"
    here.mkdir(parents=True)
    local = home(tmp_path / "home", "http://local", "t-home")
    assert config.find(environment=local, folder=here) == config.Address("http://local", "t-home")
    (tmp_path / "project" / "landbridge.toml").write_text('url = "http://file"\ntoken = "t-file"\n')
    assert config.find(environment=local, folder=here) == config.Address("http://file", "t-file")
    named = local | {"LANDBRIDGE_URL": "http://env/", "LANDBRIDGE_TOKEN": "t-env"}
    assert config.find(environment=named, folder=here) == config.Address("http://env", "t-env")
    assert config.find("http://arg", "t-arg", named, here) == config.Address("http://arg", "t-arg")


def test_certificates_are_found_in_the_contracts_order(tmp_path: Path) -> None:
    here = tmp_path / "project"
    here.mkdir()
    for name in ("own", "file", "environment", "argument"):
        (tmp_path / name).write_text("")
    local = home(tmp_path / "home", "https://local", "t-home")
    told = {"url": "https://local", "certificate": str(tmp_path / "own")}
    (tmp_path / "home" / "gateway.json").write_text(json.dumps(told))
    assert config.find(environment=local, folder=here).ca == str(tmp_path / "own")
    assert config.find("https://elsewhere", environment=local, folder=here).ca is None
    (here / "landbridge.toml").write_text(f'ca = "{tmp_path / "file"}"\n')
    assert config.find(environment=local, folder=here).ca == str(tmp_path / "file")
    named = local | {"LANDBRIDGE_CA": str(tmp_path / "environment")}
    assert config.find(environment=named, folder=here).ca == str(tmp_path / "environment")
    assert config.find(environment=named, folder=here, ca=str(tmp_path / "argument")).ca == str(tmp_path / "argument")
    with pytest.raises(errors.InvalidField, match="There is no file of certificates at"):
        config.find(environment=named, folder=here, ca=str(tmp_path / "none"))


@pytest.mark.row("CL2")
def test_a_place_that_names_another_address_keeps_its_token_to_itself(tmp_path: Path) -> None:
    (tmp_path / "landbridge.toml").write_text('url = "http://file"\ntoken = "t-file"\n')
    named = {"LANDBRIDGE_HOME": str(tmp_path), "LANDBRIDGE_URL": "http://env", "LANDBRIDGE_TOKEN": "t-env"}
    assert config.find("http://arg", environment=named, folder=tmp_path).token is None
    assert config.find("http://file/", environment=named, folder=tmp_path).token == "t-file"
    alone = {"LANDBRIDGE_HOME": str(tmp_path), "LANDBRIDGE_TOKEN": "t-env"}
    assert config.find(environment=alone, folder=tmp_path) == config.Address("http://file", "t-env")


def test_the_local_token_goes_nowhere_else(tmp_path: Path) -> None:
    local = home(tmp_path / "home", "http://local", "t-home")
    (tmp_path / "landbridge.toml").write_text('url = "http://stranger"\n')
    assert config.find(environment=local, folder=tmp_path) == config.Address("http://stranger", None)
    (tmp_path / "landbridge.toml").write_text("url = \n")
    with pytest.raises(errors.InvalidField, match="is not TOML"):
        config.find(environment=local, folder=tmp_path)
    (tmp_path / "landbridge.toml").unlink()
    empty = config.find(environment={"LANDBRIDGE_HOME": str(tmp_path / "none")}, folder=tmp_path)
    assert empty == config.Address(config.DEFAULT_URL, None)
