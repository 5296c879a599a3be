"""Titles of revenue: what the finance software needs to make them, and what it gives back.

``lines`` computes what a title says, ``export`` decides what may leave and writes it, ``returned``
takes back the numbers. Each layout is a file: ``neutral`` for any software, ``emagnus``, ``corail``
and ``jvs`` for the import files of three of them, to be tried on the software's test base first. No
PES is made: its numbers of bordereau and title are only known to the finance software.
"""
