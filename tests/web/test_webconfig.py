"""What reading a web-config file promises: the format is understood, and errors are one line."""

import os
import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import given

from exporter.web.webconfig import WebConfig, WebConfigError, load
from tests.settings.odd_yaml import ODD_VALUES, odd_files

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(tmp_path: Path, ca: trustme.CA) -> Path:
    """A folder with `tls.crt`, `tls.key` and `ca.crt`."""
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    with (tmp_path / "tls.crt").open("wb") as chain:
        for blob in certificate.cert_chain_pems:
            chain.write(blob.bytes())
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    return tmp_path


def read(folder: Path, text: str) -> WebConfig:
    path = folder / "web.yml"
    path.write_text(text)
    return load(path)


PAIR = "cert_file: tls.crt, key_file: tls.key"


@pytest.mark.parametrize(
    "text", ["", "{}", "tls_server_config:", "basic_auth_users: {}", "http_server_config: {}"]
)
def test_a_file_that_asks_for_nothing_is_plain_http_for_everybody_and_warned_of(
    tmp_path: Path, text: str
) -> None:
    config = read(tmp_path, text)
    assert config == WebConfig(warnings=config.warnings)
    assert len(config.warnings) == 1


def test_file_names_are_relative_to_the_file(folder: Path) -> None:
    tls = read(folder, f"tls_server_config: {{{PAIR}}}").tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (folder / "tls.crt", folder / "tls.key")
    absolute = f"cert_file: {folder}/tls.crt, key_file: {folder}/tls.key"
    assert read(folder, f"tls_server_config: {{{absolute}}}").tls == tls


def test_tls_is_1_2_and_above_without_client_certificates_by_default(folder: Path) -> None:
    tls = read(folder, f"tls_server_config: {{{PAIR}}}").tls
    assert tls is not None
    context = tls.context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.maximum_version == ssl.TLSVersion.TLSv1_3
    assert context.verify_mode == ssl.CERT_NONE
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_all_that_the_format_has_for_tls_reaches_openssl(folder: Path) -> None:
    config = read(
        folder,
        f"""
tls_server_config:
  cert_file: tls.crt
  key_file: tls.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
    X-XSS-Protection:
basic_auth_users:
  prometheus: {HASH}
""",
    )
    assert config.tls is not None
    context = config.tls.context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert [
        cipher["name"] for cipher in context.get_ciphers() if "TLSv1.2" in cipher["protocol"]
    ] == ["ECDHE-RSA-AES256-GCM-SHA384"]
    assert len(context.get_ca_certs()) == 1
    assert config.users == {"prometheus": HASH}
    assert config.headers == {
        "X-Frame-Options": "deny",
        "Strict-Transport-Security": "max-age=31536000",
    }
    assert [warning.split(":")[0] for warning in config.warnings] == [
        "http_server_config.http2",
        "tls_server_config.cipher_suites",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- 1", "the file must be a mapping"),
        ("1: 2", "the file must be a mapping"),
        ("tls: {}", "tls is not a setting"),
        ("tls_server_config: yes", "tls_server_config must be a mapping"),
        ("tls_server_config: {certfile: tls.crt}", "tls_server_config.certfile is not a setting"),
        ("tls_server_config: {cert_file: tls.crt}", "tls_server_config.key_file is missing"),
        ("tls_server_config: {key_file: tls.key}", "tls_server_config.cert_file is missing"),
        ("tls_server_config: {cert_file: [a], key_file: b}", "cert_file must be a string"),
        (f"tls_server_config: {{{PAIR}, min_version: TLS14}}", "min_version must be one of TLS10"),
        (f"tls_server_config: {{{PAIR}, max_version: 1.2}}", "max_version must be a string"),
        (
            f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}",
            "min_version is above max_version",
        ),
        (
            f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert}}",
            "RequireAndVerifyClientCert, not 'RequireAnyClientCert'",
        ),
        (
            f"tls_server_config: {{{PAIR}, client_auth_type: RequireAndVerifyClientCert}}",
            "client_ca_file is needed",
        ),
        (
            f"tls_server_config: {{{PAIR}, client_ca_file: ca.crt}}",
            "client_auth_type must be given",
        ),
        (f"tls_server_config: {{{PAIR}, cipher_suites: [NULL-MD5]}}", "holds 'NULL-MD5'"),
        (f"tls_server_config: {{{PAIR}, cipher_suites: AES}}", "cipher_suites must be a list"),
        (f"tls_server_config: {{{PAIR}, curve_preferences: []}}", "curve_preferences is not supp"),
        (f"tls_server_config: {{{PAIR}, client_allowed_sans: [a]}}", "client_allowed_sans is not"),
        (
            "tls_server_config: {cert: PEM}",
            "tls_server_config.cert is not supported; use cert_file",
        ),
        (f"tls_server_config: {{{PAIR}, prefer_server_cipher_suites: 1}}", "must be true or false"),
        ("http_server_config: {http2: maybe}", "http_server_config.http2 must be true or false"),
        ("http_server_config: {port: 1}", "http_server_config.port is not a setting"),
        ("http_server_config: {headers: {Server: x}}", "headers.Server is not a setting"),
        (
            "http_server_config: {headers: {X-Frame-Options: no}}",
            "X-Frame-Options must be a string",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "X-Frame-Options must be one of deny, sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nSet-Cookie: b"}}',
            "X-XSS-Protection must be printable ASCII",
        ),
        ("basic_auth_users: [a]", "basic_auth_users must be a mapping"),
        (
            "basic_auth_users: {prometheus: secret}",
            "basic_auth_users.prometheus is not a bcrypt hash",
        ),
        ("basic_auth_users: {prometheus: }", "basic_auth_users.prometheus is not a bcrypt hash"),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "must have no colon"),
        ("rate_limit: {burst: 1}", "rate_limit is not supported"),
        ("a: [", "not valid YAML at line"),
        ("basic_auth_users: {1: 2}", "basic_auth_users must be a mapping"),
        ("http_server_config: {1: 2}", "http_server_config must be a mapping"),
        (f"basic_auth_users: {{prometheus: {HASH.replace('10', '17')}}}", "of a cost up to 16"),
        (
            f"basic_auth_users: {{prometheus: {HASH}}}\nbasic_auth_users:",
            "line 2: key basic_auth_users is given twice",
        ),
        (
            f"basic_auth_users: {{prometheus: {HASH}, prometheus: {HASH}}}",
            "line 1: key prometheus is given twice",
        ),
        (f"tls_server_config: {{{PAIR}, cipher_suites: [[x]]}}", "cipher_suites must be a string"),
        ('tls_server_config: {cert_file: "a\\0", key_file: b}', "cert_file must be the name of a"),
        ('tls_server_config: {cert_file: "\\ud800", key_file: b}', "not valid YAML"),
        (f"tls_server_config: {{cert_file: {os.devnull}, key_file: b}}", "null is not a file"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_setting(
    folder: Path, text: str, complaint: str
) -> None:
    with pytest.raises(WebConfigError) as refused:
        read(folder, text)
    line = str(refused.value)
    assert complaint in line
    assert line.startswith(str(folder / "web.yml"))
    assert "\n" not in line


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {prometheus: hunter2}",
        "hunter: hunter2",
        "tls_server_config: {key: hunter2}",
        "basic_auth_users:\n  prometheus: 'hunter2",
        "basic_auth_users: hunter2",
    ],
)
def test_no_error_holds_a_secret(folder: Path, text: str) -> None:
    with pytest.raises(WebConfigError) as refused:
        read(folder, text)
    assert "hunter2" not in str(refused.value)


def test_a_config_does_not_print_its_hashes(folder: Path) -> None:
    assert HASH not in repr(read(folder, f"basic_auth_users: {{prometheus: {HASH}}}"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError, match=r"none\.yml: cannot be read: No such file"):
        load(tmp_path / "none.yml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WebConfigError, match=r"web\.yml: not valid YAML"):
        load(tmp_path / "web.yml")


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "ca.crt"])
def test_a_certificate_file_that_is_missing_or_garbage_is_named(folder: Path, name: str) -> None:
    clients = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt"
    text = f"tls_server_config: {{{PAIR}, {clients}}}"
    read(folder, text)
    (folder / name).write_text("garbage")
    with pytest.raises(WebConfigError, match=name):
        read(folder, text)
    (folder / name).unlink()
    with pytest.raises(WebConfigError, match=f"{name} cannot be read: No such file"):
        read(folder, text)


def test_a_key_of_another_certificate_is_refused(folder: Path, ca: trustme.CA) -> None:
    ca.issue_cert("localhost").private_key_pem.write_to_path(folder / "tls.key")
    with pytest.raises(WebConfigError, match="key values mismatch"):
        read(folder, f"tls_server_config: {{{PAIR}}}")


KEYS = [
    *(("tls_server_config", key) for key in ("cert_file", "key_file", "client_auth_type")),
    *(("tls_server_config", key) for key in ("client_ca_file", "min_version", "max_version")),
    *(("tls_server_config", key) for key in ("cipher_suites", "prefer_server_cipher_suites")),
    ("http_server_config", "http2"),
    ("http_server_config", "headers"),
    ("http_server_config", "headers", "X-Frame-Options"),
    ("http_server_config", "headers", "Content-Security-Policy"),
    ("basic_auth_users",),
    ("basic_auth_users", "prometheus"),
]


def told(path: Path, content: bytes) -> str:
    """What the user is told of a file with that content; nothing where it is accepted."""
    path.write_bytes(content)
    try:
        load(path)
    except WebConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_an_odd_value_of_any_key_is_one_line_or_accepted(
    folder: Path, key: tuple[str, ...]
) -> None:
    for value in ODD_VALUES:
        text = value
        for step in reversed(key[1:]):
            pair = f"{PAIR}, " if key[0].startswith("tls") and step not in PAIR else ""
            text = f"{{{pair}{step}: {text}}}"
        assert "\n" not in told(folder / "web.yml", f"{key[0]}: {text}\n".encode())


@given(odd_files(KEYS))
def test_any_file_is_one_line_or_accepted(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assert "\n" not in told(tmp_path_factory.getbasetemp() / "odd.yml", content)
