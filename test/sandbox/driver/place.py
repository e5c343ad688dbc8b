"""Whether this is the place where the attacks of a configuration may be made."""
from __future__ import annotations

import container
import disposable_root


def check(config: dict) -> None:
    """Raises CanNotContain."""
    if 'container' in config:
        container.check_inside()
        return
    disposable_root.check_inside(config['unprivileged'])
    if config['unprivileged']:
        disposable_root.check_unprivileged()
    else:
        disposable_root.check_given_up()
