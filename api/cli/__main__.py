"""`python -m api.cli`: the command where the project's folders are there and the project is not installed."""

from api.cli.main import main

main()
