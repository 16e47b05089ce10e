"""What the frozen program runs first; everything else is in the runtime package."""

import sys

from runtime.__main__ import main

sys.exit(main())
