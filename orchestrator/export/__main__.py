"""The process that verifies a folder which it has not written: prints its checks as one line of JSON."""

import json
import sys
from pathlib import Path

from orchestrator.export.verify import to_json, verify_folder

if __name__ == "__main__":
    print(json.dumps(to_json(verify_folder(Path(sys.argv[1]), is_trusted=True))))  # noqa: T201 - the answer
