"""Shared code of the KerasTuner course; importing it loads no TensorFlow and does no work.

TensorFlow reads its log level when it is first imported, so the default is set here: every
notebook imports from ``helpers`` before it imports Keras. A value set by the user wins.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

__version__ = "1.0.0"
