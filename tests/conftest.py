"""What holds for all tests: how hypothesis chooses its examples.

On CI they are the same in every run, so that a change is judged by what it changes; everywhere else
they are new each time, and `make soak` looks at many more.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
