"""Plays a suite in a disposable root (see disposable_root.py), and prints its report, one JSON object.

    python3 outer.py CONFIG.json      {"mode", "level", "python", …}; without "mode": only whether it could be done;
                                      with "container": the command that starts one, in it

Exit code 75: it can't be contained here, and nothing was run; standard output says why.
"""
from __future__ import annotations

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from container import run_in_container  # noqa: E402
from disposable_root import STAGE, CanNotContain, run_contained  # noqa: E402

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
_STAGED = ('python.d/core', 'test/python/harness.py', 'test/sandbox')
_CAN_NOT_CONTAIN = 75


def staged_files() -> dict[str, bytes]:
    """What the suite needs of the repository."""
    files = {}
    for part in _STAGED:
        top = os.path.join(_REPOSITORY, part)
        paths = [top] if os.path.isfile(top) else [
            os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names if name.endswith('.py')]
        for path in paths:
            with open(path, 'rb') as file:
                files[os.path.relpath(path, _REPOSITORY)] = file.read()
    return files


def main() -> int:
    with open(sys.argv[1]) as file:
        config = json.load(file)
    try:
        if 'mode' not in config:
            code, output = run_contained({}, ['/bin/true'])
        else:
            # What nothing confines is nobody on the machine. So is a first try of new attacks against the sandbox.
            unprivileged = config['level'] == 'none' or config.get('rehearsal', False)
            config.update(stage=STAGE, unprivileged=unprivileged)
            files = dict(staged_files(), **{'config.json': json.dumps(config).encode()})
            init = STAGE + '/test/sandbox/driver/init.py'
            if 'container' in config:
                code, output = run_in_container(files, [init], config['container'])
            else:
                code, output = run_contained(files, [config['python'], '-I', init], unprivileged=unprivileged,
                                             read_only=config['mode'] == 'container-like')
    except CanNotContain as error:
        print(error)
        return _CAN_NOT_CONTAIN
    sys.stdout.buffer.write(output)
    return code


if __name__ == '__main__':
    sys.exit(main())
