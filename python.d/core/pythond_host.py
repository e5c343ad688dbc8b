"""Entry of the Python host: `python -I pythond_host.py`, with a stream socket on descriptor 3.

The worker speaks with it as docs/protocol.md says. With `--probe` it prints what of the sandbox holds here, and exits;
with `--survey` it parses the scripts that standard input names, runs nothing of them, and prints what they rely on.
Everything it does is in the package _pythond beside it.
"""
import os
import sys


def refuse_old_python():
    # This file alone is read by any Python 3: the others would only give a SyntaxError about an annotation.
    import json
    import struct

    text = 'pythond needs Python 3.8 or newer, and ' + sys.executable + ' is ' + sys.version.split()[0]
    payload = json.dumps({'code': 'python-too-old', 'message': text, 'traceback': ''}).encode('ascii')
    os.write(3, struct.pack('>IB', len(payload) + 1, 0x1F) + payload)
    os._exit(70)


if __name__ == '__main__':  # multiprocessing's spawn and forkserver read this file again, under another name
    if sys.version_info < (3, 8):
        refuse_old_python()
    core = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, core)  # -I leaves the script's folder out
    if sys.argv[1:] == ['--probe']:
        from _pythond._probe import main as probe

        probe()
    elif sys.argv[1:] == ['--survey']:
        from _pythond._survey import main as survey

        survey()
    else:
        from _pythond._main import main

        sys.path.remove(core)  # a user's path is built in _paths.py, where the core stands at the end
        main(core)
