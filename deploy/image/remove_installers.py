"""Take pip and its kin out of a Python image, compile the rest, and make the folder for the state.

Run once in the image's final stage, by the base's own interpreter. Whoever gets into the container
then finds nothing that fetches code. Slim images bring the standard library without bytecode, and
over a read-only root no start could keep its own. Never touches the exporter's own environment.
"""

import compileall
import os
import py_compile
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
    # Forced, for bytecode that names a time would be looked at beside its source at each start. A
    # file that does not compile is told of and left: some bases keep samples of bad syntax.
    compileall.compile_dir(
        sysconfig.get_path("stdlib"),
        quiet=1,
        force=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    STATE.mkdir(parents=True, exist_ok=True)
    os.chown(STATE, USER, USER)


if __name__ == "__main__":
    main()
