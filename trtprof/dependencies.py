"""Packages that come with an extra: imported where they are used, refused with the command that installs them.

Imports nothing of ours but the errors.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib import metadata
from types import ModuleType

from trtprof.errors import MissingDependency


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Return the imported module.

    Raises:
        MissingDependency: the package is not installed, or it is and its import fails; says which.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != module.partition(".")[0]:
            raise _broken(module, error) from error
        raise MissingDependency(
            f"{purpose} needs the Python package '{module}', which is not installed",
            hint=f"pip install 'trtprof[{extra}]'",
        ) from error
    except (ImportError, OSError) as error:
        raise _broken(module, error) from error


def installed(module: str) -> bool:
    """Return whether the module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, or ``None``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _broken(module: str, error: BaseException) -> MissingDependency:
    return MissingDependency(
        f"the Python package '{module}' is installed but cannot be imported: {error}",
        hint=f"reinstall it, or look at: python -c 'import {module}'",
    )
