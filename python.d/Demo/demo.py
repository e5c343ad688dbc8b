# encoding: utf-8
"""The example collector. Copy this file to a folder of your own under python.d and change it.

A collector is a class that inherits DataKitFramework and overrides run(). It is run every `interval` seconds, each
time in a process of its own; what it prints can be read with its run, and what it reports goes to DataKit.
"""

from datakit_framework import DataKitFramework


class Demo(DataKitFramework):
    name = 'Demo'
    interval = 10  # seconds between two runs

    # Only for a DataKit other than the one that the fleet is set to:
    # def __init__(self, **kwargs):
    #     super().__init__(ip='127.0.0.1', port=9529)

    # General report example.
    def run(self):
        print("Demo")

        data = [
            {
                "measurement": "abc",
                "tags": {"t1": "b", "t2": "d"},
                "fields": {
                    "f1": 123,
                    "f2": 3.4,
                    "f3": "strval",  # DataKit keeps no strings in metrics: this one is dropped
                },
                # "time": 1624550216  # not needed: a point without a time gets that of its run
            },
            {
                "measurement": "def",
                "tags": {"t1": "b", "t2": "d"},
                "fields": {"f1": 123, "f2": 3.4, "f3": "strval"},
            },
        ]

        in_data = {
            'M': data,  # 'M' metrics, 'L' logging, 'R' rum, 'O' object, 'CO' custom object, 'E' event
            'input': "datakitpy",
        }

        return self.report(in_data)  # nothing is sent without this call

    # One point at a time, without building the dictionaries (the manual lists all the arguments):
    #
    #     self.feed_metric(measurement='mydata', tags={'tag1': 'val1'}, fields={'f1': 1000}, f2=3.4)
    #     self.feed_logging(source='mydata', tags={'tag1': 'val1'}, message='This is the message')
    #     self.feed_object(cls='mydata', name='name', tags={'tag1': 'val1'}, fields={'f1': 1000})
    #     self.feed_system_event(tags={'tag1': 'val1'}, df_date_range=10, df_status='info',
    #                            df_event_id='event_id', df_title='title', df_message='message')
