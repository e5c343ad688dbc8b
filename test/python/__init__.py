"""Tests of the framework and the host.

    python -m unittest discover -s test/python

runs them from the repository's root, on any Python from 3.8; nothing has to be installed. test/python/harness.py
drives the real host over a socketpair, with real forks.
"""
