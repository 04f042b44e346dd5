"""`python -m instep` is `instep`."""

from instep.cli.main import main

if __name__ == "__main__":
    main()
