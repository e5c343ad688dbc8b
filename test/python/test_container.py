"""The container of test/sandbox as a disposable root: nothing starts in one that is not as it should be."""
from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'sandbox', 'driver'))
import container  # noqa: E402
from disposable_root import CanNotContain  # noqa: E402

_MOUNTS = [
    '1 0 0:1 / / ro,relatime master:2 - overlay overlay rw', '1 0 0:1 / /proc rw,nosuid - proc proc rw',
    '1 0 0:1 /sys /proc/sys ro,nosuid - proc proc rw', '1 0 0:1 / /dev rw,nosuid - tmpfs tmpfs rw',
    '1 0 0:1 / /sys ro,nosuid - sysfs sysfs ro', '1 0 0:1 /docker/1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids',
    '1 0 0:1 / /tmp rw,nosuid - tmpfs tmpfs rw', '1 0 8:1 /var/lib/hosts /etc/hosts ro - ext4 /dev/sda1 rw']
_RIGHTS = {'CapInh': '0', 'CapPrm': '0', 'CapEff': '0', 'CapBnd': '0', 'CapAmb': '0', 'NoNewPrivs': '1', 'Seccomp': '2'}


def status(**more: str) -> str:
    return ''.join('{}:\t{}\n'.format(name, value) for name, value in dict(_RIGHTS, **more).items())


class ChecksTest(unittest.TestCase):
    def test_a_hardened_container_passes(self):
        container.check_mounts('\n'.join(_MOUNTS))
        container.check_rights(status())
        container.check_bounds(['400', '1610612736'])

    def test_whatever_of_the_machine_can_be_written_is_refused(self):
        for line in ('1 0 8:1 /data /data rw - ext4 /dev/sda1 rw', '1 0 0:1 / / rw - overlay overlay rw',
                     '1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup rw', '1 0 0:1 / /sys rw - sysfs sysfs rw',
                     '1 0 0:1 /sys /proc/sys rw - proc proc rw'):
            with self.subTest(line), self.assertRaises(CanNotContain):
                container.check_mounts('\n'.join([*_MOUNTS, line]))

    def test_a_root_or_settings_that_are_not_there_are_refused(self):
        for point in (' / ro', ' /proc/sys ro'):
            with self.subTest(point), self.assertRaises(CanNotContain):
                container.check_mounts('\n'.join(line for line in _MOUNTS if point not in line))

    def test_any_right_is_refused(self):
        for more in ({'CapBnd': '1'}, {'CapEff': 'a80425fb'}, {'NoNewPrivs': '0'}, {'Seccomp': '0'}, {'CapAmb': '200'}):
            with self.subTest(more), self.assertRaises(CanNotContain):
                container.check_rights(status(**more))

    def test_missing_bounds_are_refused(self):
        for limits in (['max', '1'], ['400', '9223372036854771712'], ['400', 'unknown']):
            with self.subTest(limits), self.assertRaises(CanNotContain):
                container.check_bounds(limits)


if __name__ == '__main__':
    unittest.main()
