"""`python -m deploy.stack.run_program FOLDER NAME`: becomes the program, in its environment."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    folder, name = sys.argv[1:]
    program = json.loads((Path(folder) / "programs.json").read_text())[name]
    os.execvpe(program["command"][0], program["command"], program["environment"])
