"""The Python host: imports a bundle's modules once, then forks a child for every run.

Read in this order: _main (start-up), _host (the loop), _runs (one run, seen from the host), _child (what a run
does), _sink (how its reports leave). The host shares its process with user code that ran at import, so every
function of the standard library that the loop needs is bound by name when these modules are loaded: a script that
patches os, select or time afterwards (gevent does) changes nothing here.
"""
