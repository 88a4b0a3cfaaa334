"""For the tests' own HTTP clients, which speak without TLS to servers on this machine.

Each client that httpx makes would else read all of certifi's certificates, which takes longer than
most tests do.
"""

import ssl
from typing import Final

TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
