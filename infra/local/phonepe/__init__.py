"""PhonePe PG in one process, v1 and v2 (`v2/`), for development and tests.

Written from the vendor's published description alone and sharing no code with the client it stands opposite,
so that tests reveal an error in either. Merchants' API: `api`; the customer's pay page: `pages`;
the API for tests and developers: `control`; injectable faults: `faults`.
"""
