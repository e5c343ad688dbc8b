# encoding: utf-8
"""What this collector is about, in a line."""

from datakit_framework import DataKitFramework


class SampleName(DataKitFramework):
    name = 'SampleName'
    interval = 10  # seconds between two runs

    def run(self):
        # What is on self goes on with the next run, on whatever worker.
        self.runs = getattr(self, 'runs', 0) + 1

        # What is printed is kept with the run: `pythond logs sample_name` shows it.
        print('run', self.runs)

        self.feed_metric(
            measurement='sample_name',
            tags={'source': 'sample_name'},
            fields={'runs': self.runs},
        )
