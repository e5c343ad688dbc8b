"""The bundle next door: a run that goes on, with a secret in its memory, its folder and its shared memory."""
from __future__ import annotations

import ctypes
import json
import os
import time

from datakit_framework import DataKitFramework


class Sibling(DataKitFramework):
    interval = 10

    def run(self):
        marker = os.environ['SIBLING_SECRET']
        secret = ctypes.create_string_buffer(marker.encode())
        shared = None
        try:
            shared = 'sibling-%d' % os.getpid()
            with open('/dev/shm/' + shared, 'w') as file:
                file.write(marker)
        except OSError:
            pass
        notes = {'run': os.getpid(), 'address': ctypes.addressof(secret), 'shared': shared, 'marker': marker}
        with open('notes.part', 'w') as file:
            json.dump(notes, file)
        os.rename('notes.part', 'notes.txt')
        time.sleep(3600)
