"""The web-config file that docs/http.md shows, with what it needs."""

import re
from pathlib import Path

import trustme

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "http.md"


def write_web_config(folder: Path) -> Path:
    """Write it there, beside the certificates that it names; its path."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "tls.key")
    issued.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    blocks = re.findall(r"^```yaml\n(.*?)^```", _PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if block.startswith("tls_server_config"))
    file = folder / "web.yml"
    file.write_text(example, "utf-8")
    return file
