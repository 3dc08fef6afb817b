"""python -m study: see `study.py`."""

from study.study import main

main()
