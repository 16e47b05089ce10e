"""`python -m runtime.engine.worker`: a worker without the rest of the program."""

import sys

from runtime.engine.worker.main import main

sys.exit(main())
