"""What an auditor takes away of a year of services, readable without this program.

Reading order: ``collection``, the tables and what each is computed from, with ``french.toml``, what
people read above them.
"""
