"""`python -m evbagent` is the command `evbagent`."""

from evbagent.cli import main

if __name__ == "__main__":
    main()
