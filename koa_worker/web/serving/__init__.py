"""The web server: waitress in a thread, behind the gate of `web/guard/`."""
