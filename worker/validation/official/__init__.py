"""The official schemas and Schematrons, in a process of their own.

Reading order: ``service`` (our side) → ``answers`` (what crosses) → ``process`` (the other side) →
``schemas`` (XSD; ``explanation`` says an error to a person), ``schematron`` (XSLT; ``svrl`` reads
its report, ``french`` says it). ``artefacts`` finds each file and checks its SHA-256.
"""
