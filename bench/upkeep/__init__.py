"""A study's folder between its commands: where it stands, and how it is ended, tried again, cleaned and joined."""
