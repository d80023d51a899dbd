"""PhonePe PG in one process, v1 and v2 (`v2/`), for development and tests.

Written from the vendor's published description alone and sharing no code with the client it stands opposite,
so that an error in one of the two shows. Merchants' API: `api`; the page a customer sees: `pages`;
the API for tests and developers: `control`; what can be made to go wrong: `faults`.
"""
