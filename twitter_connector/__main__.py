"""`python -m twitter_connector`: the command line, as `twitter-connector`."""

from twitter_connector.cli import main

if __name__ == "__main__":
    main(prog_name="python -m twitter_connector")
