"""How often something outside is asked, how long one waits, and when it is left alone."""
