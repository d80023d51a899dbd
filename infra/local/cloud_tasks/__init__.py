"""Stand-in for Google Cloud Tasks: the v2 REST API that production calls, and a dispatcher for tests.

Error texts and task headers are the real service's, as github.com/aertje/cloud-tasks-emulator recorded
them (conformance/golden, 2026). Left out: App Engine targets, IAM, batches, changing queues, paging, task sizes, and
that 429 and 503 slow the whole queue. `wire` holds requests and answers, `faults` the faults on demand.
"""
