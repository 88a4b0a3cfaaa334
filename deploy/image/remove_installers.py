"""Take pip and its kin out of a Python image, and make the folder for the state.

Run once in the image's final stage, by the base's own interpreter. Whoever gets into the container
then finds nothing that fetches code. Never touches the exporter's own environment.
"""

import os
import shutil
import site
import sysconfig
from pathlib import Path

INSTALLERS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack")
STATE = Path("/var/lib/isnotai")
USER = 65532


def main() -> None:
    libraries = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")}
    libraries |= {Path(folder) for folder in site.getsitepackages()}
    for library in libraries:
        for name in INSTALLERS:
            for found in (*library.glob(name), *library.glob(f"{name}-*.dist-info")):
                shutil.rmtree(found)
        for loader in library.glob("distutils-precedence.pth"):
            loader.unlink()
        shutil.rmtree(library / "ensurepip", ignore_errors=True)
    for folder in {Path(sysconfig.get_path("scripts")), Path("/usr/bin"), Path("/usr/local/bin")}:
        for program in (*folder.glob("pip*"), *folder.glob("wheel*")):
            program.unlink()
    # Debian keeps ensurepip's wheels here.
    shutil.rmtree("/usr/share/python-wheels", ignore_errors=True)
    STATE.mkdir(parents=True, exist_ok=True)
    os.chown(STATE, USER, USER)


if __name__ == "__main__":
    main()
