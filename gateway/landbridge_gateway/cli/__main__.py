"""`python -m landbridge_gateway.cli`."""

from landbridge_gateway.cli import main

main()
