"""Tests of the collector sample_name, without a fleet and without a DataKit: python3 tests/test_sample_name.py"""
import os
import sys
import unittest
from unittest import mock

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Where datakit_framework.py is: set PYTHOND_CORE if this machine has it elsewhere.
CORE = os.environ.get('PYTHOND_CORE', '/path/of/the/core')
sys.path[:0] = [os.path.join(HOME, 'python.d', 'sample_name'), CORE]

from sample_name import SampleName  # noqa: E402


class SampleNameTest(unittest.TestCase):
    def reported(self, collector):
        """What one run() of it reports, instead of sending it."""
        with mock.patch.object(collector, 'report') as report:
            collector.run()
        return [call[0][0] for call in report.call_args_list]

    def test_reports_one_metric(self):
        [data] = self.reported(SampleName())
        [point] = data['M']
        self.assertEqual(point['measurement'], 'sample_name')
        self.assertEqual(point['fields'], {'runs': 1})

    def test_counts_its_runs(self):
        collector = SampleName()
        self.reported(collector)
        [data] = self.reported(collector)
        self.assertEqual(data['M'][0]['fields'], {'runs': 2})


if __name__ == '__main__':
    unittest.main()
