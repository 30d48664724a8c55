"""The ``standin`` command: a directory that clients of StarCraft II take for the game."""

from __future__ import annotations

import sys

from .errors import UserError
from .standin_config import StandinConfig


def install_standin(config: StandinConfig) -> None:
    """Lay out the directory and say how clients find it.

    Raises:
        UserError: If a package that it needs is missing, or the directory is taken.
    """
    folder = config.target()
    try:
        from perceiver_rl.envs.sc2api.install import install

        install(folder)
    except (ImportError, FileExistsError) as error:
        raise UserError(str(error)) from error
    sys.stdout.write(
        f"A stand-in (not StarCraft II) is in {folder}. Clients find it by\n"
        f"  export SC2PATH={folder.absolute()}\n"
    )
