"""The collector that makes the attack which the driver names in next.json, in a run."""
from __future__ import annotations

from datakit_framework import DataKitFramework

from _attempt import attempt


class Attacker(DataKitFramework):
    interval = 10

    def run(self):
        attempt('run')
