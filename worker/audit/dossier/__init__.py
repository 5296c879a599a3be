"""What an auditor takes away of a year of services, readable without this program.

Reading order: ``collection``, the tables and what each is computed from, with ``french.toml``, what
people read above them; ``build``, the steps that make a dossier or a site; ``site``, the pages of a
year, each written by ``pages`` from a template, with the shapes of ``charts`` and the French of
``words``; ``folder``, by which all of it appears at once.
"""
