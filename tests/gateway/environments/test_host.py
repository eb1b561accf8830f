"""What a build takes from the machine: read from the shapes that apt and pip really have."""

from __future__ import annotations

from pathlib import Path

import pytest
from landbridge_gateway.environments.host import CA_IN_BUILD, Host, apt_options, debian_mirror
from landbridge_gateway.errors import InvalidField

DUMP = """\
APT::Architecture "amd64";
Acquire "";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy::mirror.example "DIRECT";
Acquire::https::Verify-Peer "false";
DPkg::Post-Invoke:: "rm /tmp/x";
"""
TARGETS = """\
Packages contrib bookworm https://mirror.example/contrib
Packages main bookworm-security https://mirror.example/security/
Translations main bookworm https://mirror.example/translations/
Packages main bookworm file:/srv/debian
Packages main bookworm https://mirror.example/debian/
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_CODENAME=bookworm\nID=debian\n')
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.crt"
    path.write_text("certificates")
    return path


def test_only_options_about_reaching_mirrors_are_taken() -> None:
    assert apt_options(lambda _: DUMP).splitlines() == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy::mirror.example "DIRECT";',
    ]


def test_an_old_mirror_is_believed_only_where_the_machine_does() -> None:
    assert apt_options(lambda _: 'Acquire::Languages "none";\n') == ""


def test_the_mirror_is_where_the_machine_has_its_main_packages(release: Path) -> None:
    assert debian_mirror(lambda _: TARGETS, release) == "https://mirror.example/debian"


def test_another_system_has_no_debian_mirror(release: Path) -> None:
    release.write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    assert debian_mirror(lambda _: TARGETS, release) == ""
    assert debian_mirror(lambda _: TARGETS, release.with_name("missing")) == ""


def test_the_setting_comes_before_the_environments_bundle(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_text("other")
    environ = {"HOME": str(tmp_path), "PIP_CERT": str(bundle)}
    assert Host.read("", environ).ca_bundle == bundle
    host = Host.read(str(other), environ)
    assert host.files()["host/ca.crt"].content == b"other"
    assert f'CAInfo "{CA_IN_BUILD}"'.encode() in host.files()["host/apt.conf"].content
    assert host.arguments["PIP_CERT"] == CA_IN_BUILD


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="`/no/such/bundle`"):
        Host.read("/no/such/bundle", {"HOME": str(tmp_path)})
    assert Host.read("", {"HOME": str(tmp_path), "SSL_CERT_FILE": "/no/such/bundle"}).ca_bundle is None


def test_without_a_bundle_nothing_is_said_about_certificates(tmp_path: Path) -> None:
    files = Host(apt_options='Acquire::Retries "3";\n').files()
    assert files["host/ca.crt"].content == b""
    assert files["host/apt.conf"].content == b'Acquire::Retries "3";\n'


def test_pip_settings_come_from_its_files_and_the_environment_wins(tmp_path: Path) -> None:
    settings = tmp_path / "own.conf"
    settings.write_text(
        "[global]\nindex-url = https://index.example/simple\ntrusted-host = index.example\n"
        "extra-index-url = file:///srv/wheels\n\thttps://more.example/simple\n"
    )
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(settings), "PIP_TRUSTED_HOST": "other.example"}
    arguments = Host.read("", environ).arguments
    assert arguments["PIP_INDEX_URL"] == "https://index.example/simple"
    assert arguments["PIP_EXTRA_INDEX_URL"] == "https://more.example/simple"
    assert arguments["PIP_TRUSTED_HOST"] == "other.example"


def test_proxies_are_handed_on_as_they_are_spelt(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "https_proxy": "http://proxy.example:3128", "NO_PROXY": "localhost"}
    arguments = Host.read("", environ).arguments
    assert arguments["https_proxy"] == "http://proxy.example:3128"
    assert arguments["NO_PROXY"] == "localhost"


@pytest.mark.parametrize(
    ("arguments", "network"),
    [
        ({"HTTP_PROXY": "http://127.0.0.1:3128"}, "host"),
        ({"PIP_INDEX_URL": "http://me:secret@localhost/simple"}, "host"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"NO_PROXY": "localhost,127.0.0.1"}, None),
    ],
)
def test_a_proxy_on_loopback_needs_the_hosts_network(arguments: dict[str, str], network: str | None) -> None:
    assert Host(arguments=arguments).network == network
