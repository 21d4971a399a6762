"""`python -m newsclf` is the same as the `newsclf` command."""

from newsclf.cli.main import main

if __name__ == "__main__":
    main()
