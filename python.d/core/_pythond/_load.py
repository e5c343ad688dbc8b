"""Importing the user's modules, and building their collectors."""
from __future__ import annotations

import os
import sys

from ._modules import load
from ._paths import open_to_user_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from ._catalogue import Catalogue
    from ._setup import Module, Setup


def load_collectors(core: str, setup: Setup, catalogue: Catalogue) -> None:
    """Fill the catalogue. What fails is told there; nothing is raised."""
    wanted = [*setup.roots, *(module.root for module in setup.modules)]
    roots = [os.path.join(setup.bundle_root, root) for root in wanted]
    open_to_user_code(core, roots, catalogue.warn)
    sys.dont_write_bytecode = True  # a bundle's folder is named by its content, and stays as it is
    loaded: list[tuple[Module, ModuleType]] = []
    for module, root in zip(setup.modules, roots[len(setup.roots):]):
        path = os.path.join(setup.bundle_root, module.file)
        if os.path.basename(path) == 'datakit_framework.py':
            catalogue.warn('framework-copy', '{} is a copy of the framework: it is not used, and not needed'.format(
                module.file))
            continue
        try:
            loaded.append((module, load(module.name, path, root)))
        except BaseException as error:  # SystemExit too: that module alone has failed
            catalogue.fail(module, error)
        if catalogue.leavings is not None:
            catalogue.leavings.after('importing {}'.format(module.file))
    if catalogue.leavings is not None:
        for module, code in loaded:
            catalogue.leavings.of_module(code, module.file)
    catalogue.add(loaded)
