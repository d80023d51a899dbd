"""python -m infra.local.cloud_tasks --port N --metadata HOST:PORT --queues terraform/functions.yaml --data DIR."""

import argparse
from pathlib import Path

from infra.local.cloud_tasks.queues import read_queues
from infra.local.cloud_tasks.server import CloudTasksServer
from infra.local.cloud_tasks.store import NAME_MEMORY
from infra.local.metadata import Metadata
from infra.local.serving import serve_until_ended


def main() -> None:
    parser = argparse.ArgumentParser(prog="infra.local.cloud_tasks", description="Local Cloud Tasks.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--metadata", required=True, metavar="HOST:PORT", help="the metadata server that issues and verifies tokens"
    )
    parser.add_argument("--queues", type=Path, required=True, help="functions.yaml")
    parser.add_argument("--data", type=Path, required=True, help="the folder tasks are stored in")
    parser.add_argument("--name-memory", type=float, default=NAME_MEMORY, help="seconds a task's name stays reserved")
    options = parser.parse_args()
    queues, metadata = read_queues(options.queues), Metadata(options.metadata)
    server = CloudTasksServer(queues, metadata, options.data, name_memory=options.name_memory)
    server.start()
    try:
        serve_until_ended(server.app, options.port)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
